{{/* (root, model, uri): what KServe runs. The model's name and storage; the rest is the ServingRuntime's. */}}
{{- define "hydatis.kserveModel" -}}
{{- $env := dict "MODEL_NAME" .model "MODELS_DIR" "/mnt/models" -}}
{{- $env = merge $env (include "hydatis.tlsEnvironment" .root | fromYaml) (include "hydatis.signedEnvironment" .root | fromYaml) -}}
modelFormat: {name: hydatis}
runtime: hydatis-model-server
protocolVersion: grpc-v2
storageUri: {{ .uri }}
env:
  {{- include "hydatis.environment" (dict "prefix" "HYDATIS_MODEL_SERVER_" "env" $env "settings" .root.Values.models.settings) | trim | nindent 2 }}
resources: {{- toYaml .root.Values.models.resources | nindent 2 }}
{{- $signed := include "hydatis.signed" .root }}
{{- if or .root.Values.tls.enabled $signed }}
volumeMounts:
  {{- if .root.Values.tls.enabled }}
  - {{ include "hydatis.tlsMount" .root }}
  {{- end }}
  {{- if $signed }}
  - {{ include "hydatis.trustedKeysMount" .root }}
  {{- end }}
{{- end }}
{{- if .canary }}
# KServe's type asks for it in a canary, and its webhook refuses it in the stable predictor
name: kserve-container
{{- end }}
{{- end }}

{{/* (root, model): where a model's folder is. */}}
{{- define "hydatis.storageUri" -}}
{{- $models := .root.Values.models -}}
{{- if hasKey $models.kserve.storageUris .model -}}{{ get $models.kserve.storageUris .model }}
{{- else if eq $models.storage.kind "s3" -}}{{ $models.storage.s3.uri }}
{{- else -}}pvc://{{ include "hydatis.modelsClaim" .root }}
{{- end -}}
{{- end }}

{{/* (root, name): volumes of a predictor: certificate and trusted keys. */}}
{{- define "hydatis.kserveVolumes" -}}
{{- if .root.Values.tls.enabled }}
- {{ include "hydatis.tlsVolume" . }}
{{- end }}
{{- if include "hydatis.signed" .root }}
- {{ include "hydatis.trustedKeysVolume" .root }}
{{- end }}
{{- end }}
