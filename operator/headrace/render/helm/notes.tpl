{{ .Values.model.name }} {{ .Values.model.version }} is released as {{ .Release.Name }} in {{ .Release.Namespace }}.
{{- if .Values.candidate.enabled }}
{{- if .Values.candidate.mirror }}
{{ .Values.candidate.version }} gets a copy of {{ .Values.candidate.mirror }} % of its requests.
{{- else }}
{{ .Values.candidate.version }} answers {{ .Values.candidate.weight }} % of its requests.
{{- end }}
{{- end }}

See that its pods are ready:

  kubectl --namespace {{ .Release.Namespace }} get pods --selector headrace.dev/rollout={{ .Release.Name }} --watch
{{- if .Values.candidate.enabled }}

Give the candidate more of the requests, or none:

  helm --namespace {{ .Release.Namespace }} upgrade {{ .Release.Name }} CHART --reuse-values --set candidate.weight=50

Promote it: write its version, uri and digest under `model`, and `candidate.enabled: false`. No pod
restarts, as pods are named after their version. Take it back: `candidate.enabled: false` alone.
{{- else }}

Try another version beside it: write its version, uri and digest under `candidate`, with
`enabled: true` and a `weight` or a `mirror`, and then

  helm --namespace {{ .Release.Namespace }} upgrade {{ .Release.Name }} CHART --values VALUES.yaml
{{- end }}
