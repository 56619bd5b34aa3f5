{{/* How the controller reaches Prometheus: what it is told, and the files that this names. */}}

{{- define "headrace.prometheus.env" -}}
{{- $prometheus := .Values.prometheus -}}
{{- $tls := $prometheus.tls -}}
{{- $folder := "/etc/headrace/prometheus" -}}
{{- $user := $prometheus.basicAuth.username -}}
{{- $password := $prometheus.basicAuth.passwordSecret.name -}}
{{- if and $user $prometheus.bearerTokenSecret.name -}}
{{- fail "prometheus.basicAuth.username and prometheus.bearerTokenSecret.name are given; keep one" -}}
{{- end -}}
{{- if ne (empty $user) (empty $password) -}}
{{- fail "prometheus.basicAuth needs both, username and passwordSecret.name" -}}
{{- end -}}
{{- if and $tls.insecure $tls.caConfigMap.name -}}
{{- fail "prometheus.tls.insecure and prometheus.tls.caConfigMap.name are given; keep one" -}}
{{- end -}}
- name: HEADRACE_PROMETHEUS_URL
  value: {{ $prometheus.url | quote }}
{{- if $prometheus.bearerTokenSecret.name }}
- name: HEADRACE_PROMETHEUS_TOKEN_FILE
  value: {{ $folder }}/token
{{- end }}
{{- with $user }}
- name: HEADRACE_PROMETHEUS_USERNAME
  value: {{ . | quote }}
- name: HEADRACE_PROMETHEUS_PASSWORD_FILE
  value: {{ $folder }}/password
{{- end }}
{{- if $tls.caConfigMap.name }}
- name: HEADRACE_PROMETHEUS_CA_FILE
  value: {{ $folder }}/ca.crt
{{- end }}
{{- if $tls.clientSecret.name }}
- name: HEADRACE_PROMETHEUS_CERT_FILE
  value: {{ $folder }}/tls.crt
- name: HEADRACE_PROMETHEUS_KEY_FILE
  value: {{ $folder }}/tls.key
{{- end }}
{{- if $tls.insecure }}
- name: HEADRACE_PROMETHEUS_INSECURE
  value: "true"
{{- end }}
{{- if $prometheus.tenant.id }}
- name: HEADRACE_PROMETHEUS_TENANT
  value: {{ $prometheus.tenant.id | quote }}
- name: HEADRACE_PROMETHEUS_TENANT_HEADER
  value: {{ $prometheus.tenant.header | quote }}
{{- end }}
{{- end }}

{{- define "headrace.prometheus.files" -}}
{{- $prometheus := .Values.prometheus -}}
{{- with $prometheus.bearerTokenSecret }}
{{- if .name }}
- secret:
    name: {{ .name }}
    items:
    - key: {{ .key }}
      path: token
{{- end }}
{{- end }}
{{- with $prometheus.basicAuth.passwordSecret }}
{{- if .name }}
- secret:
    name: {{ .name }}
    items:
    - key: {{ .key }}
      path: password
{{- end }}
{{- end }}
{{- with $prometheus.tls.caConfigMap }}
{{- if .name }}
- configMap:
    name: {{ .name }}
    items:
    - key: {{ .key }}
      path: ca.crt
{{- end }}
{{- end }}
{{- with $prometheus.tls.clientSecret.name }}
- secret:
    name: {{ . }}
    items:
    - key: tls.crt
      path: tls.crt
    - key: tls.key
      path: tls.key
{{- end }}
{{- end }}
