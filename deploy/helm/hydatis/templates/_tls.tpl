{{/* Where a workload's certificate, key and authority are in its containers. */}}
{{- define "hydatis.tlsFolder" -}}/etc/hydatis-tls{{- end }}

{{/* (root, name): the Secret with a workload's certificate. */}}
{{- define "hydatis.tlsSecret" -}}
{{- $tls := .root.Values.tls -}}
{{ ternary (printf "%s-tls" .name) $tls.existingSecret $tls.certManager.enabled }}
{{- end }}

{{/* What a process is told of TLS, as settings without their prefix. */}}
{{- define "hydatis.tlsEnvironment" -}}
{{- $folder := include "hydatis.tlsFolder" . -}}
{{- if .Values.tls.enabled }}
TLS_CERTIFICATE_FILE: {{ $folder }}/tls.crt
TLS_KEY_FILE: {{ $folder }}/tls.key
TLS_CA_FILE: {{ $folder }}/ca.crt
{{- else if .Values.istio.enabled }}
TLS_BY_MESH: "true"
{{- end }}
{{- end }}

{{/* The folder and not its files: a file mounted by itself never changes. */}}
{{- define "hydatis.tlsMount" -}}
{name: tls, mountPath: {{ include "hydatis.tlsFolder" . }}, readOnly: true}
{{- end }}

{{/* (root, name) */}}
{{- define "hydatis.tlsVolume" -}}
{name: tls, secret: {secretName: {{ include "hydatis.tlsSecret" . }}, defaultMode: 0440}}
{{- end }}

{{/* appProtocol of a gRPC port. */}}
{{- define "hydatis.grpcProtocol" -}}
{{ ternary "https" "kubernetes.io/h2c" .Values.tls.enabled }}
{{- end }}
