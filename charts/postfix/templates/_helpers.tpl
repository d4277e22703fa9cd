{{/*
The chart name, for labels.
*/}}
{{- define "postfix.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The full name of the objects. At most 51 characters, so that it fits into a label value with the suffix "-credentials".
*/}}
{{- define "postfix.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 51 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 51 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 51 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Labels in selectors, which are immutable. The component label excludes the test pod from the Service's endpoints.
*/}}
{{- define "postfix.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postfix.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: "relay"
{{- end }}

{{- define "postfix.labels" -}}
{{ include "postfix.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end }}

{{- define "postfix.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- if .Values.image.digest }}
{{- $image = printf "%s@%s" $image .Values.image.digest }}
{{- end }}
{{- $image }}
{{- end }}

{{- define "postfix.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "postfix.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/*
The name of the credentials Secret, or empty. values.schema.json allows only one of the two sources.
*/}}
{{- define "postfix.credentialsSecret" -}}
{{- if .Values.sealedSecret.encryptedData }}
{{- include "postfix.fullname" . }}-credentials
{{- else }}
{{- .Values.credentials.existingSecret }}
{{- end }}
{{- end }}

{{/*
The name of the Secret with the private keys for DKIM.
*/}}
{{- define "postfix.dkimSecret" -}}
{{- if .Values.dkim.sealedSecret.encryptedData }}
{{- include "postfix.fullname" . }}-dkim
{{- else }}
{{- .Values.dkim.existingSecret }}
{{- end }}
{{- end }}

{{/*
The security context of a sidecar, without its user: no root, no capabilities, nothing to write to.
*/}}
{{- define "postfix.sidecarSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "postfix.claim" -}}
{{- default (printf "%s-queue" (include "postfix.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{/*
The ports of all next hops as a YAML list; default: 25.
*/}}
{{- define "postfix.egressPorts" -}}
{{- $ports := list }}
{{- range prepend (values .Values.relay.senderRelayhosts) .Values.relay.relayhost }}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "25") }}
{{- end }}
{{- toYaml ($ports | uniq | sortAlpha) }}
{{- end }}

{{/*
A duration such as 15m in seconds.
*/}}
{{- define "postfix.seconds" -}}
{{- $factors := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 }}
{{- mul (regexFind "^[0-9]+" . | atoi) (get $factors (regexFind "[smhdw]$" .)) }}
{{- end }}

{{/*
The free space in bytes without which smtpd refuses all mail: 1.5 times the message size limit.
*/}}
{{- define "postfix.requiredSpace" -}}
{{- div (mul (int64 .Values.relay.messageSizeLimit) 3) 2 }}
{{- end }}

{{/*
The sender address of the test. A domain with a leading dot matches only its subdomains, so one is added.
*/}}
{{- define "postfix.testSender" -}}
{{- if .Values.test.sender }}
{{- .Values.test.sender }}
{{- else }}
{{- $domain := first (append (default list .Values.relay.allowedSenderDomains) .Values.relay.hostname) }}
{{- printf "helm-test@%s%s" (ternary "test" "" (hasPrefix "." $domain)) $domain }}
{{- end }}
{{- end }}
