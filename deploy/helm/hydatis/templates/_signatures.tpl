{{/* Keys whose models are believed: a folder of public keys, in every container that loads a model. */}}
{{- define "hydatis.trustedKeysFolder" -}}/etc/hydatis-trusted-keys{{- end }}

{{/* Not empty: there are trusted keys. */}}
{{- define "hydatis.signed" -}}
{{- with .Values.models.trustedKeys }}{{ .configMap | default .existingSecret }}{{ end -}}
{{- end }}

{{/* What a process that loads models is told, as settings without their prefix. */}}
{{- define "hydatis.signedEnvironment" -}}
{{- if include "hydatis.signed" . }}
TRUSTED_KEYS: {{ include "hydatis.trustedKeysFolder" . }}
{{- end }}
{{- end }}

{{- define "hydatis.trustedKeysMount" -}}
{name: trusted-keys, mountPath: {{ include "hydatis.trustedKeysFolder" . }}, readOnly: true}
{{- end }}

{{- define "hydatis.trustedKeysVolume" -}}
{{- $keys := .Values.models.trustedKeys -}}
{{- if $keys.configMap -}}
{name: trusted-keys, configMap: {name: {{ $keys.configMap }}, defaultMode: 0444}}
{{- else -}}
{name: trusted-keys, secret: {secretName: {{ $keys.existingSecret }}, defaultMode: 0444}}
{{- end }}
{{- end }}
