{{/*
The allowed senders. Others are rejected by the "reject" that follows the table in smtpd_sender_restrictions.
*/}}
{{- define "postfix.senders" -}}
{{- range .Values.relay.allowedSenderDomains }}
{{ . }} OK
{{- end }}
{{- if .Values.relay.allowNullSender }}
<> OK
{{- end }}
{{- end }}

{{- define "postfix.recipients" -}}
{{- range .Values.relay.allowedRecipients }}
{{ . }} OK
{{- end }}
{{- end }}

{{/*
Postfix detects mail loops by their Received headers, so not all of them can be removed. The header that this relay adds
is kept without the client, and the relay's headers from earlier passes are kept unchanged. All others are removed.
*/}}
{{- define "postfix.headerChecks" -}}
{{- if .Values.relay.stripOriginHeaders }}
{{- $by := printf "by\\s+%s\\s+\\(Postfix\\)" (regexQuoteMeta .Values.relay.hostname) }}
/^Received:\s+{{ $by }}/ DUNNO
/^Received:\s+from\s.*?\s({{ $by }}\s.*)$/ REPLACE Received: $1
/^Received:/ IGNORE
/^X-(Originating-IP|Originating-Host|Sender-IP|PHP-Originating-Script|PHP-Script|Mailer|MimeOLE):/ IGNORE
/^User-Agent:/ IGNORE
{{- end }}
{{- range (include "postfix.rewriteRules" (list "relay.rewriteFrom" .Values.relay.rewriteFrom) | fromYamlArray) }}
{{- $from := printf "^((?:Resent-)?(?:From|Sender):(?:.*<)?\\s*)%s(>?\\s*(?:\\([^()]*\\)\\s*)?)$" .pattern }}
{{- if eq .replacement "" }}
/{{ $from }}/ DUNNO
{{- else if .keepsLocalPart }}
/{{ $from }}/ REPLACE ${1}${2}{{ .replacement }}${3}
{{- else }}
/{{ $from }}/ REPLACE ${1}{{ .replacement }}${2}
{{- end }}
{{- end }}
{{- end }}

{{/*
The rules of relay.rewriteFrom or relay.rewriteRecipients as a YAML list, the first match first: addresses, domains, what
is already an allowed result, and all others. A rule without a replacement keeps the address. Postfix looks the result of
a canonical table up again until it no longer changes, so that a result must not match another rule; otherwise,
rendering fails. The part before the @ may be in quotation marks, also with blanks and further @ in it. The argument is a
list: the name of the value, and the value.
*/}}
{{- define "postfix.rewriteRules" -}}
{{- $name := index . 0 }}
{{- $map := index . 1 | default dict }}
{{- $quoted := "\"(?:[^\"\\\\]|\\\\.)*\"" }}
{{- $local := printf "(?:%s|[^\\s<>@\"]+)" $quoted }}
{{- range $key, $target := $map }}
{{- if contains "@" $key }}
{{- include "postfix.rewriteTarget" (list $name $map $key $target) }}
- pattern: {{ regexQuoteMeta $key | quote }}
  replacement: {{ ternary "" $target (eq $key $target) | quote }}
  keepsLocalPart: false
{{- end }}
{{- end }}
{{- range $key, $target := $map }}
{{- if not (or (contains "@" $key) (eq $key "*")) }}
{{- include "postfix.rewriteTarget" (list $name $map $key $target) }}
{{- if contains "@" $target }}
- pattern: {{ printf "%s@%s" $local (regexQuoteMeta $key) | quote }}
  replacement: {{ $target | quote }}
  keepsLocalPart: false
{{- else }}
- pattern: {{ printf "(%s)@%s" $local (regexQuoteMeta $key) | quote }}
  replacement: {{ printf "@%s" $target | quote }}
  keepsLocalPart: true
{{- end }}
{{- end }}
{{- end }}
{{- $all := get $map "*" }}
{{- if $all }}
{{- range $target := values $map | uniq | sortAlpha }}
{{- if not (eq $target $all) }}
- pattern: {{ printf "%s%s" (ternary "" "[^\\s<>@]+@" (contains "@" $target)) (regexQuoteMeta $target) | quote }}
  replacement: ""
  keepsLocalPart: false
{{- end }}
{{- end }}
- pattern: {{ printf "(?:%s@)?[^\\s<>]+" $quoted | quote }}
  replacement: {{ $all | quote }}
  keepsLocalPart: false
{{- end }}
{{- end }}

{{- define "postfix.rewriteTarget" -}}
{{- $map := index . 1 }}
{{- $target := index . 3 }}
{{- $again := get $map $target | default (get $map (splitList "@" $target | last)) }}
{{- if and $again (ne $again $target) }}
{{- fail (printf "%s: %s is replaced by %s, which %s replaces again" (index . 0) (index . 2) $target (ternary $target (splitList "@" $target | last) (hasKey $map $target))) }}
{{- end }}
{{- end }}

{{/*
A canonical table. Rules without a replacement return the address itself, which ends the lookup.
*/}}
{{- define "postfix.canonical" -}}
{{- range (include "postfix.rewriteRules" . | fromYamlArray) }}
{{- if eq .replacement "" }}
/^({{ .pattern }})$/ ${1}
{{- else if .keepsLocalPart }}
/^{{ .pattern }}$/ ${1}{{ .replacement }}
{{- else }}
/^{{ .pattern }}$/ {{ .replacement }}
{{- end }}
{{- end }}
{{- end }}

{{- define "postfix.senderRelayhosts" -}}
{{- range $sender, $nextHop := .Values.relay.senderRelayhosts }}
{{ ternary "" "@" (contains "@" $sender) }}{{ $sender }} {{ $nextHop }}
{{- end }}
{{- end }}

{{/*
OpenDKIM only signs. Postfix is its only client, so it signs mail of every address. The keys are files of a Secret, which
the user of the sidecar must be able to read, and which no other container mounts.
*/}}
{{- define "postfix.opendkim" -}}
Mode s
Canonicalization relaxed/simple
OversignHeaders From
Socket inet:8891@127.0.0.1
KeyTable file:/etc/opendkim-relay/config/dkim_keys
SigningTable refile:/etc/opendkim-relay/config/dkim_senders
InternalHosts 0.0.0.0/0,::/0
RequireSafeKeys no
{{- end }}

{{- define "postfix.dkimKeys" -}}
{{- range $domain, $selector := .Values.dkim.domains }}
{{ $domain }} {{ $domain }}:{{ $selector }}:/etc/opendkim-relay/keys/{{ $selector }}.{{ $domain }}
{{- end }}
{{- end }}

{{- define "postfix.dkimSenders" -}}
{{- range $domain, $_ := .Values.dkim.domains }}
*@{{ $domain }} {{ $domain }}
{{- end }}
{{- end }}

{{/*
The data of the ConfigMap. The pod's checksum covers only the data, because the labels change with every chart version.
*/}}
{{- define "postfix.configData" -}}
main.cf: |
  # Rendered by the chart. To change it, change the values.
  {{- include "postfix.mainCf" . | trim | nindent 2 }}
master.cf: |
  {{- include "postfix.masterCf" . | nindent 2 }}
{{- if not .Values.relay.allowAnySender }}
senders: |
  {{- include "postfix.senders" . | trim | nindent 2 }}
{{- end }}
{{- if .Values.relay.allowedRecipients }}
recipients: |
  {{- include "postfix.recipients" . | trim | nindent 2 }}
{{- end }}
{{- if or .Values.relay.stripOriginHeaders .Values.relay.rewriteFrom }}
header_checks: |
  {{- include "postfix.headerChecks" . | trim | nindent 2 }}
{{- end }}
{{- if .Values.relay.rewriteFrom }}
rewrite_senders: |
  {{- include "postfix.canonical" (list "relay.rewriteFrom" .Values.relay.rewriteFrom) | trim | nindent 2 }}
{{- end }}
{{- if .Values.relay.rewriteRecipients }}
rewrite_recipients: |
  {{- include "postfix.canonical" (list "relay.rewriteRecipients" .Values.relay.rewriteRecipients) | trim | nindent 2 }}
{{- end }}
{{- if .Values.relay.senderRelayhosts }}
sender_relayhosts: |
  {{- include "postfix.senderRelayhosts" . | trim | nindent 2 }}
{{- end }}
{{- if .Values.dkim.domains }}
opendkim.conf: |
  {{- include "postfix.opendkim" . | nindent 2 }}
dkim_keys: |
  {{- include "postfix.dkimKeys" . | trim | nindent 2 }}
dkim_senders: |
  {{- include "postfix.dkimSenders" . | trim | nindent 2 }}
{{- end }}
{{- end }}
