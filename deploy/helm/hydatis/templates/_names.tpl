{{/* Ports of every room as its settings have them; tests/deploy holds them to the code. */}}
{{- define "hydatis.ports" -}}
feature-service: {grpc: 7010, metrics: 7110}
forecaster: {grpc: 7011, metrics: 7111}
anomaly-detector: {grpc: 7012, metrics: 7112}
placement-policy: {grpc: 7013, metrics: 7113}
scheduler-plugin: {http: 7080}
right-sizer: {http: 7015, metrics: 7115}
model-server: {http: 8080, grpc: 8081, metrics: 8082}
{{- end }}

{{/* Who dials whom: each room, and who may ask it. */}}
{{- define "hydatis.flows" -}}
{{- $relieves := and .Values.rightSizer.enabled (ne .Values.rightSizer.policy.relief.mode "off") }}
feature-service: [forecaster, anomaly-detector, placement-policy, scheduler-plugin{{ if $relieves }}, right-sizer{{ end }}]
forecaster: [placement-policy, scheduler-plugin{{ if $relieves }}, right-sizer{{ end }}]
anomaly-detector: [placement-policy, scheduler-plugin]
placement-policy: [scheduler-plugin]
scheduler-plugin: [hydatis-scheduler]
{{- if .Values.rightSizer.enabled }}
# whom the API server asks, which is no pod
right-sizer: []
{{- end }}
model-cpu-forecaster: [forecaster]
model-memory-forecaster: [forecaster]
model-anomaly-detector: [anomaly-detector]
model-placement-policy: [placement-policy]
{{- end }}

{{- define "hydatis.models" -}}
[cpu-forecaster, memory-forecaster, anomaly-detector, placement-policy]
{{- end }}

{{/* (root, room): what a selector may hold, since it cannot change. */}}
{{- define "hydatis.selector" -}}
app.kubernetes.io/name: {{ .room }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "hydatis.labels" -}}
{{ include "hydatis.selector" . }}
app.kubernetes.io/part-of: hydatis
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* (root, room): an image of ours. */}}
{{- define "hydatis.image" -}}
{{- $images := .root.Values.images -}}
{{- with $images.registry }}{{ . }}/{{ end }}hydatis-{{ .room }}:{{ $images.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* (root, model): where a model is dialled. */}}
{{- define "hydatis.modelAddress" -}}
{{- $values := .root.Values.models -}}
{{- if eq $values.serving "deployments" -}}
model-{{ .model }}:8081
{{- else if eq $values.kserve.mode "Knative" -}}
{{/* Knative routes by host name, through its gateway */ -}}
model-{{ .model }}-predictor.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}:80
{{- else -}}
model-{{ .model }}-variants:8081
{{- end -}}
{{- end }}

{{/* Name of the claim with the models folder; empty: there is none. */}}
{{- define "hydatis.modelsClaim" -}}
{{- $storage := .Values.models.storage -}}
{{- if eq $storage.kind "claim" -}}{{ $storage.claim.name }}
{{- else if eq $storage.kind "local-folder" -}}hydatis-models-folder
{{- end -}}
{{- end }}
