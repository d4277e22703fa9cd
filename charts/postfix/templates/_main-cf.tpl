{{/*
mynetworks in Postfix's spelling: an IPv6 address stands in brackets. At a network with bits beyond
its prefix Postfix stops reading, and clients that no earlier one matches get a temporary error. A
schema cannot see that, so it is refused here; for IPv4, where the arithmetic is bearable.
*/}}
{{- define "postfix.networks" -}}
{{- $networks := list "127.0.0.0/8" "[::1]/128" }}
{{- range .Values.relay.networks }}
{{- $parts := splitList "/" . }}
{{- if contains ":" . }}
{{- $networks = append $networks (printf "[%s]/%s" (first $parts) (last $parts)) }}
{{- else }}
{{- $address := 0 }}
{{- range splitList "." (first $parts) }}
{{- $address = add (mul $address 256) (atoi .) }}
{{- end }}
{{- $block := 1 }}
{{- range until (int (sub 32 (last $parts | atoi))) }}
{{- $block = mul $block 2 }}
{{- end }}
{{- if ne (mod $address $block) 0 }}
{{- fail (printf "relay.networks: %s is an address in a network, not a network: bits beyond /%s are set" . (last $parts)) }}
{{- end }}
{{- $networks = append $networks . }}
{{- end }}
{{- end }}
{{- join " " $networks }}
{{- end }}

{{/*
main.cf as a YAML map, so that extraMainCf can replace a parameter instead of repeating it:
Postfix logs a warning for each one that occurs twice.
*/}}
{{- define "postfix.mainCfParameters" -}}
{{- $credentials := include "postfix.credentialsSecret" . }}
{{- $relay := .Values.relay }}
{{- $tlsLevel := $relay.tlsLevel | default (ternary "secure" "may" (or (ne $credentials "") $relay.implicitTls)) }}
{{/* Later versions keep the behaviour of this one until somebody raises the level. */ -}}
compatibility_level: "3.6"
{{/* A directory below the mount, because Postfix creates it with the owner it wants and the volume's own belongs to root. */ -}}
data_directory: "/var/lib/postfix/data"
maillog_file: "/dev/stdout"
myhostname: {{ $relay.hostname | quote }}
smtpd_banner: "$myhostname ESMTP"
inet_interfaces: "all"
inet_protocols: {{ $relay.inetProtocols | quote }}

{{/* Nothing is local: there are no mailboxes, and the pod's host name is not a mail domain. */ -}}
mydestination: ""
local_recipient_maps: ""
local_transport: "error:5.1.1 this relay has no mailboxes"
alias_maps: ""
alias_database: ""
{{/* Reports to the postmaster would leave through the relay itself. The log is the place for them. */ -}}
notify_classes: ""

{{/* Who may relay. Both lists end in a refusal, so that either of them alone would do. */ -}}
mynetworks: {{ include "postfix.networks" . | quote }}
smtpd_client_restrictions: "permit_mynetworks, reject"
smtpd_relay_restrictions: "permit_mynetworks, reject"
{{- if not $relay.allowAnySender }}
smtpd_sender_restrictions: "check_sender_access texthash:/etc/postfix-relay/tables/senders, reject"
{{- end }}
{{- if $relay.allowedRecipients }}
smtpd_recipient_restrictions: "check_recipient_access texthash:/etc/postfix-relay/tables/recipients, reject"
{{- end }}
{{/* A domain in a table stands for itself; its subdomains have to be asked for with a dot. */ -}}
parent_domain_matches_subdomains: ""
{{/* Networks decide, not names; and without reverse lookups a slow resolver delays nobody. */ -}}
smtpd_peername_lookup: "no"
smtpd_helo_required: "yes"
disable_vrfy_command: "yes"
smtpd_etrn_restrictions: "reject"
smtpd_data_restrictions: "reject_unauth_pipelining"
{{/* A bare newline must not end a message, but programs that send them are still served. By default, clients from mynetworks would be exempt, and here there are no others. */ -}}
smtpd_forbid_bare_newline: "normalize"
smtpd_forbid_bare_newline_exclusions: ""

message_size_limit: {{ $relay.messageSizeLimit | int64 | quote }}
{{/* Only local delivery, which does not exist here, would compare this with the message size. */ -}}
mailbox_size_limit: "0"
maximal_queue_lifetime: {{ $relay.queueLifetime | quote }}
bounce_queue_lifetime: {{ $relay.queueLifetime | quote }}
default_process_limit: {{ $relay.processLimit | int | quote }}
enable_long_queue_ids: "yes"

{{- if $relay.stripOriginHeaders }}
header_checks: "pcre:/etc/postfix-relay/tables/header_checks"
{{/* Attached messages are somebody's text, not a trace of this network. */ -}}
nested_header_checks: ""
mime_header_checks: ""
{{- end }}

relayhost: {{ $relay.relayhost | quote }}
smtp_tls_security_level: {{ $tlsLevel | quote }}
smtp_tls_loglevel: "1"
smtp_tls_CAfile: "/etc/ssl/certs/ca-certificates.crt"
smtp_tls_mandatory_protocols: ">=TLSv1.2"
{{- if $relay.implicitTls }}
smtp_tls_wrappermode: "yes"
{{- end }}
{{- if hasPrefix "dane" $tlsLevel }}
{{/* Without DNSSEC, DANE silently finds nothing. */ -}}
smtp_dns_support_level: "dnssec"
{{- end }}
{{- if $credentials }}
smtp_sasl_auth_enable: "yes"
{{/* Read as root when an smtp process starts, so there is nothing to compile and nothing to chown. */ -}}
smtp_sasl_password_maps: "texthash:/etc/postfix-relay/credentials/sasl_passwd"
smtp_sasl_security_options: "noanonymous"
smtp_sasl_tls_security_options: "noanonymous"
{{- end }}

{{- if .Values.tls.existingSecret }}
smtpd_tls_security_level: {{ .Values.tls.level | quote }}
smtpd_tls_chain_files: "/etc/postfix-relay/tls/tls.key, /etc/postfix-relay/tls/tls.crt"
smtpd_tls_mandatory_protocols: ">=TLSv1.2"
smtpd_tls_loglevel: "1"
smtpd_tls_received_header: "yes"
{{- end }}
{{- end }}

{{- define "postfix.mainCf" -}}
{{- $parameters := include "postfix.mainCfParameters" . | fromYaml }}
{{- range $name, $value := merge (dict) .Values.extraMainCf $parameters }}
{{ printf "%s = %s" $name $value | trimSuffix " " }}
{{- end }}
{{- end }}
