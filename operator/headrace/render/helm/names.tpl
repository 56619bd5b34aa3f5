{{/*
Names, as Headrace itself makes them: what a version's objects are called ends in a digest of all
that defines the version, so that a changed version gets pods and names of its own, and a promotion
changes no name at all. `(list . "model")` and `(list . "candidate")` say whose name is meant.
*/}}

{{- define "CHART.digest" -}}
{{- . | sha256sum | trunc 10 -}}
{{- end }}

{{- define "CHART.cut" -}}
{{- $text := index . 0 -}}
{{- if not (regexMatch "^[A-Za-z]" $text) }}{{ $text = printf "r%s" $text }}{{ end -}}
{{- regexReplaceAll "-+$" (trunc (index . 1) $text) "" -}}
{{- end }}

{{- define "CHART.plain" -}}
{{- regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trimAll "-" -}}
{{- end }}

{{- define "CHART.short" -}}
{{- $name := index . 0 -}}
{{- $longest := index . 1 -}}
{{- if and (le (len $name) $longest) (regexMatch "^[A-Za-z]" $name) -}}
{{- $name -}}
{{- else -}}
{{- include "CHART.cut" (list $name (int (sub $longest 11))) }}-{{ include "CHART.digest" $name -}}
{{- end -}}
{{- end }}

{{- define "CHART.rollout" -}}
{{- if contains "." .Release.Name -}}
{{- fail (printf "a release of CHART is a DNS label: %s has a dot" .Release.Name) -}}
{{- end -}}
{{- include "CHART.short" (list .Release.Name 63) -}}
{{- end }}

{{- define "CHART.seldon" -}}
{{- include "CHART.short" (list .Release.Name 32) -}}
{{- end }}

{{- define "CHART.revision" -}}
{{- $values := (index . 0).Values -}}
{{- $model := index $values (index . 1) -}}
{{- $fields := list -}}
{{- $fields = append $fields (printf "\"name\":%s" (toRawJson $values.model.name)) -}}
{{- $fields = append $fields (printf "\"version\":%s" (toRawJson $model.version)) -}}
{{- $fields = append $fields (printf "\"uri\":%s" (toRawJson $model.uri)) -}}
{{- $fields = append $fields (printf "\"digest\":%s" (toRawJson $model.digest)) -}}
{{- if ne $model.handler "HANDLER" -}}
{{- $fields = append $fields (printf "\"handler\":%s" (toRawJson $model.handler)) -}}
{{- end -}}
{{- include "CHART.digest" (printf "{%s}" (join "," $fields)) -}}
{{- end }}

{{- define "CHART.version" -}}
{{- $release := (index . 0).Release.Name -}}
{{- $version := (index (index . 0).Values (index . 1)).version -}}
{{- $readable := printf "%s-%s" $release (include "CHART.plain" $version) -}}
{{- $digest := include "CHART.digest" (printf "%s/%s" $release (include "CHART.revision" .)) -}}
{{- include "CHART.cut" (list $readable 52) }}-{{ $digest -}}
{{- end }}

{{- define "CHART.predictor" -}}
{{- $version := (index (index . 0).Values (index . 1)).version -}}
{{- $readable := printf "v%s" (include "CHART.plain" $version) -}}
{{- include "CHART.cut" (list $readable 11) }}-{{ include "CHART.revision" . -}}
{{- end }}

{{- define "CHART.rings" -}}
{{- $release := (index . 0).Release.Name -}}
{{- $digest := include "CHART.digest" (printf "%s/%s" $release (include "CHART.revision" .)) -}}
{{- include "CHART.cut" (list $release 46) }}-rings-{{ $digest -}}
{{- end }}

{{- define "CHART.comparator" -}}
{{- $stable := include "CHART.revision" (list . "model") -}}
{{- $candidate := include "CHART.revision" (list . "candidate") -}}
{{- $digest := include "CHART.digest" (printf "%s/%s/%s" .Release.Name $stable $candidate) -}}
{{- include "CHART.cut" (list .Release.Name 41) }}-comparator-{{ $digest -}}
{{- end }}
