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
{{- $by := printf "by\\s+%s\\s+\\(Postfix\\)" (regexQuoteMeta .Values.relay.hostname) }}
/^Received:\s+{{ $by }}/ DUNNO
/^Received:\s+from\s.*?\s({{ $by }}\s.*)$/ REPLACE Received: $1
/^Received:/ IGNORE
/^X-(Originating-IP|Originating-Host|Sender-IP|PHP-Originating-Script|PHP-Script|Mailer|MimeOLE):/ IGNORE
/^User-Agent:/ IGNORE
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
{{- if .Values.relay.stripOriginHeaders }}
header_checks: |
  {{- include "postfix.headerChecks" . | trim | nindent 2 }}
{{- end }}
{{- end }}
