{{/* PodSecurity "restricted", for the pod. */}}
{{- define "hydatis.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* PodSecurity "restricted", for a container. */}}
{{- define "hydatis.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* (root, room): replicas go to different nodes and zones where there are any. */}}
{{- define "hydatis.antiAffinity" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector: {matchLabels: {{ include "hydatis.selector" . | fromYaml | toJson }}}
    - weight: 50
      podAffinityTerm:
        topologyKey: topology.kubernetes.io/zone
        labelSelector: {matchLabels: {{ include "hydatis.selector" . | fromYaml | toJson }}}
{{- end }}

{{/* What all pods of ours share: where they may run and how they end. */}}
{{- define "hydatis.podPlace" -}}
terminationGracePeriodSeconds: {{ .Values.pods.terminationGracePeriodSeconds }}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (port, scheme): alive while the event loop answers, ready while it can do its work. */}}
{{- define "hydatis.probes" -}}
{{- $scheme := "" -}}
{{- if eq .scheme "HTTPS" }}{{ $scheme = ", scheme: HTTPS" }}{{ end -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}{{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{/* (prefix, env, settings, secrets): environment of a process. What the chart sets outweighs what a user says. */}}
{{- define "hydatis.environment" -}}
{{- $all := dict -}}
{{- range $name, $value := .settings }}
{{- $written := printf "%v" $value -}}
{{- if kindIs "float64" $value }}{{ $written = toJson $value }}{{ end -}}
{{- if kindIs "map" $value }}{{ $written = toJson $value }}{{ end -}}
{{- $_ := set $all (printf "%s%s" $.prefix (upper $name)) $written -}}
{{- end -}}
{{- range $name, $value := .env }}
{{- $_ := set $all (printf "%s%s" $.prefix $name) $value -}}
{{- end -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $from := .secrets }}
- name: {{ $.prefix }}{{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $from.name }}, key: {{ $from.key }}}}
{{- end }}
{{- end }}
