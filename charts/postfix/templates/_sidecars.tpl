{{/*
The containers beside Postfix: each has its own user, no capabilities, and a read-only file system.
*/}}
{{- define "postfix.sidecars" -}}
{{- if .Values.dkim.domains }}
- name: opendkim
  image: {{ include "postfix.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command:
    - /usr/sbin/opendkim
    - -f
    - -x
    - /etc/opendkim-relay/config/opendkim.conf
  securityContext:
    runAsUser: 527
    runAsGroup: 527
    {{- include "postfix.sidecarSecurity" . | nindent 4 }}
  # It listens only on the loopback interface of the pod, to which a tcpSocket probe cannot connect.
  startupProbe:
    exec:
      command:
        {{- include "postfix.milterListens" . | nindent 8 }}
    periodSeconds: 1
    failureThreshold: 60
  readinessProbe:
    exec:
      command:
        {{- include "postfix.milterListens" . | nindent 8 }}
  lifecycle:
    preStop:
      exec:
        # Postfix still accepts mail, which must be signed.
        command:
          - /bin/sleep
          - {{ int .Values.preStopSleepSeconds | quote }}
  resources:
    {{- toYaml .Values.dkim.resources | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/opendkim-relay/config
      readOnly: true
    - name: dkim
      mountPath: /etc/opendkim-relay/keys
      readOnly: true
{{- end }}
{{- if .Values.metrics.enabled }}
# The exporter counts log lines, too, but the log is the standard output of another container.
- name: exporter
  image: {{ include "postfix.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command:
    - /usr/bin/prometheus-postfix-exporter
    - --postfix.showq_path=/var/spool/postfix/public/showq
    - --postfix.logfile_path=/dev/null
  # The user postfix, because only it may enter the directory of the socket.
  securityContext:
    runAsUser: 525
    runAsGroup: 525
    {{- include "postfix.sidecarSecurity" . | nindent 4 }}
  ports:
    - name: metrics
      containerPort: 9154
      protocol: TCP
  livenessProbe:
    httpGet:
      path: /
      port: metrics
    periodSeconds: 30
    timeoutSeconds: 5
  resources:
    {{- toYaml .Values.metrics.resources | nindent 4 }}
  volumeMounts:
    - name: queue
      mountPath: /var/spool/postfix
      readOnly: true
{{- end }}
{{- end }}

{{- define "postfix.milterListens" -}}
- /bin/grep
- -Eq
- {{ printf ":%04X 0+:0000 0A " 8891 | quote }}
- /proc/net/tcp
{{- end }}

{{/*
The security context of a sidecar, without its user.
*/}}
{{- define "postfix.sidecarSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop:
    - ALL
{{- end }}
