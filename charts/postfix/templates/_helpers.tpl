{{/*
The chart's name, as labels carry it.
*/}}
{{- define "postfix.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The name of the objects. 51 characters, because "-credentials" still has to fit into a label.
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
Labels by which the Service and its kin find the pod. They never change, and the component
keeps the pod of the test from becoming an endpoint.
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
The Secret with the credentials, or nothing. The schema sees to it that there is at most one source.
*/}}
{{- define "postfix.credentialsSecret" -}}
{{- if .Values.sealedSecret.encryptedData }}
{{- include "postfix.fullname" . }}-credentials
{{- else }}
{{- .Values.credentials.existingSecret }}
{{- end }}
{{- end }}

{{- define "postfix.claim" -}}
{{- default (printf "%s-queue" (include "postfix.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{/*
The port on which mail leaves: that of the next hop if it names one, else that of SMTP.
*/}}
{{- define "postfix.egressPort" -}}
{{- regexFind ":[0-9]+$" .Values.relay.relayhost | trimPrefix ":" | default "25" }}
{{- end }}

{{/*
The sender whom the test uses. A domain with a leading dot allows only what is below it.
*/}}
{{- define "postfix.testSender" -}}
{{- if .Values.test.sender }}
{{- .Values.test.sender }}
{{- else }}
{{- $domain := first (append (default list .Values.relay.allowedSenderDomains) .Values.relay.hostname) }}
{{- printf "helm-test@%s%s" (ternary "test" "" (hasPrefix "." $domain)) $domain }}
{{- end }}
{{- end }}
