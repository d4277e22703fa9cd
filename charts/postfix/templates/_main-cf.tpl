{{/*
mynetworks in Postfix syntax, with IPv6 addresses in brackets. If host bits are set in a network, Postfix stops reading
the list there and rejects later clients with a temporary error. A JSON schema cannot detect this, so rendering fails
instead. Only IPv4 is checked, because templates have no 128-bit arithmetic.
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
main.cf as a YAML map, so that extraMainCf replaces parameters instead of repeating them: Postfix logs a warning for
each duplicate parameter.
*/}}
{{- define "postfix.mainCfParameters" -}}
{{- $credentials := include "postfix.credentialsSecret" . }}
{{- $relay := .Values.relay }}
{{- $tlsLevel := $relay.tlsLevel | default (ternary "secure" "may" (or (ne $credentials "") $relay.implicitTls)) }}
{{/* Newer Postfix versions keep the defaults of this one until the level is raised. */ -}}
compatibility_level: "3.6"
{{/* A subdirectory of the volume: Postfix creates it with the owner that it requires, while root owns the volume's root directory. */ -}}
data_directory: "/var/lib/postfix/data"
maillog_file: "/dev/stdout"
myhostname: {{ $relay.hostname | quote }}
smtpd_banner: "$myhostname ESMTP"
inet_interfaces: "all"
inet_protocols: {{ $relay.inetProtocols | quote }}

{{/* No local delivery: there are no mailboxes, and the pod's host name is not a mail domain. */ -}}
mydestination: ""
local_recipient_maps: ""
local_transport: "error:5.1.1 this relay has no mailboxes"
alias_maps: ""
alias_database: ""
{{/* Postmaster notifications would be sent through the relay itself; the log contains the same information. */ -}}
notify_classes: ""

{{/* Access control. Both lists end with "reject", so that each of them alone would be sufficient. */ -}}
mynetworks: {{ include "postfix.networks" . | quote }}
smtpd_client_restrictions: "permit_mynetworks, reject"
smtpd_relay_restrictions: "permit_mynetworks, reject"
{{- if not $relay.allowAnySender }}
smtpd_sender_restrictions: "check_sender_access texthash:/etc/postfix-relay/tables/senders, reject"
{{- end }}
{{- if $relay.allowedRecipients }}
smtpd_recipient_restrictions: "check_recipient_access texthash:/etc/postfix-relay/tables/recipients, reject"
{{- end }}
{{/* A domain in a table matches only itself; subdomains require a leading dot. */ -}}
parent_domain_matches_subdomains: ""
{{/* Access depends on networks, not on names, and without reverse lookups a slow resolver delays no client. */ -}}
smtpd_peername_lookup: "no"
smtpd_helo_required: "yes"
disable_vrfy_command: "yes"
smtpd_etrn_restrictions: "reject"
{{/* Postfix accepts the recipient "postmaster" without a domain from every client and sender: RCPT checks none of the lists above. These do. */ -}}
smtpd_data_restrictions: "reject_unauth_pipelining, permit_mynetworks, reject"
{{- if not $relay.allowAnySender }}
smtpd_end_of_data_restrictions: "check_sender_access texthash:/etc/postfix-relay/tables/senders, reject"
{{- end }}
{{/* Disconnects clients that do not wait for replies where the protocol requires it, even before EHLO. Off by default before 3.9. */ -}}
smtpd_forbid_unauth_pipelining: "yes"
{{/* Prevents SMTP smuggling with bare newlines, but still accepts clients that send them. By default, clients in mynetworks are exempt, which is every client here. */ -}}
smtpd_forbid_bare_newline: "normalize"
smtpd_forbid_bare_newline_exclusions: ""

{{/* Without it, MAIL with SMTPUTF8 is refused with 555. With it, Postfix accepts what it cannot deliver to a next hop that lacks it, and cannot return it either. */ -}}
smtputf8_enable: {{ ternary "yes" "no" $relay.smtputf8 | quote }}
{{/* By default, Postfix breaks lines after 998 bytes, also in the middle of a UTF-8 character, which changes the text and invalidates signatures. 0 means unlimited. */ -}}
smtp_line_length_limit: "0"

message_size_limit: {{ $relay.messageSizeLimit | int64 | quote }}
{{/* Applies only to local delivery, which requires at least the message size limit; 0 means unlimited. */ -}}
mailbox_size_limit: "0"
maximal_queue_lifetime: {{ $relay.queueLifetime | quote }}
bounce_queue_lifetime: {{ $relay.queueLifetime | quote }}
default_process_limit: {{ $relay.processLimit | int | quote }}
enable_long_queue_ids: "yes"
{{/* By default, mail is tried again after 5 to 67 minutes. */ -}}
queue_run_delay: {{ $relay.retry.min | quote }}
minimal_backoff_time: {{ $relay.retry.min | quote }}
maximal_backoff_time: {{ $relay.retry.max | quote }}
smtp_destination_concurrency_limit: {{ $relay.rate.concurrency | int | quote }}
smtp_destination_rate_delay: {{ $relay.rate.delay | quote }}

{{- if $relay.rewriteFrom }}
{{/* header_checks rewrites the headers: this table would also rewrite Reply-To. */ -}}
sender_canonical_maps: "pcre:/etc/postfix-relay/tables/rewrite_senders"
sender_canonical_classes: "envelope_sender"
{{- end }}
{{- if $relay.rewriteRecipients }}
recipient_canonical_maps: "pcre:/etc/postfix-relay/tables/rewrite_recipients"
recipient_canonical_classes: "envelope_recipient"
{{- end }}

{{- if or $relay.stripOriginHeaders $relay.rewriteFrom }}
header_checks: "pcre:/etc/postfix-relay/tables/header_checks"
{{/* Headers of attached messages are content and are left unchanged. */ -}}
nested_header_checks: ""
mime_header_checks: ""
{{- end }}

{{- $milters := .Values.milters.sockets }}
{{- if .Values.dkim.domains }}
{{- $milters = append $milters "inet:127.0.0.1:8891" }}
{{- end }}
{{- if $milters }}
{{/* After the access rules, and after header_checks: a milter sees the message as it is sent. */ -}}
smtpd_milters: {{ join ", " $milters | quote }}
non_smtpd_milters: "$smtpd_milters"
milter_default_action: {{ .Values.milters.defaultAction | quote }}
{{- end }}

relayhost: {{ $relay.relayhost | quote }}
{{- if $relay.senderRelayhosts }}
sender_dependent_relayhost_maps: "texthash:/etc/postfix-relay/tables/sender_relayhosts"
{{- end }}
smtp_tls_security_level: {{ $tlsLevel | quote }}
smtp_tls_loglevel: "1"
smtp_tls_CAfile: "/etc/ssl/certs/ca-certificates.crt"
smtp_tls_mandatory_protocols: ">=TLSv1.2"
{{- if $relay.implicitTls }}
smtp_tls_wrappermode: "yes"
{{- end }}
{{- if hasPrefix "dane" $tlsLevel }}
{{/* Without DNSSEC, Postfix ignores TLSA records silently. */ -}}
smtp_dns_support_level: "dnssec"
{{- end }}
{{- if $credentials }}
smtp_sasl_auth_enable: "yes"
{{/* texthash is read as root when an smtp process starts: it needs neither postmap nor a change of owner. */ -}}
smtp_sasl_password_maps: "texthash:/etc/postfix-relay/credentials/sasl_passwd"
{{- if $relay.senderRelayhosts }}
{{/* A line for a sender takes precedence over one for a next hop. */ -}}
smtp_sender_dependent_authentication: "yes"
{{- end }}
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
