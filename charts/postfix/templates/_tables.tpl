{{/*
The senders who may send. What is not in the table meets the "reject" behind it.
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
Removing every Received line would also remove what mail loops are recognised by. So the line
that this relay writes stays, without the client, and its own from an earlier pass is left alone;
only the others go.
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
The data of the ConfigMap, apart so that the pod's checksum covers it and not the labels, which
change with every version of the chart.
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
