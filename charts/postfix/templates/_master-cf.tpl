{{/*
master.cf with only the services that a relay needs, without local delivery. "postqueue -f" and mail that root sends
from inside the pod need pickup. chroot is "n" everywhere, because it would require copies of system files in the queue
directory and the capability SYS_CHROOT.
*/}}
{{- define "postfix.masterCf" -}}
# service type  private unpriv  chroot  wakeup  maxproc command
{{ printf "%-9v" (int .Values.containerPorts.smtp) }} inet  n       -       n       -       -       smtpd
{{- if .Values.submission.enabled }}
{{ printf "%-9v" (int .Values.containerPorts.submission) }} inet  n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
{{- if .Values.tls.existingSecret }}
  -o smtpd_tls_security_level=encrypt
{{- end }}
{{- end }}
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
  -o syslog_name=postfix/relay
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
{{- with .Values.extraMasterCf }}
{{ . | trim }}
{{- end }}
{{- end }}
