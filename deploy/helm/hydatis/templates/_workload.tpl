{{/*
Everything that a service of ours is in Kubernetes: ServiceAccount, Deployment, Service, PodDisruptionBudget, HorizontalPodAutoscaler.

root, room (image and label), name (of the objects; empty: the room), values (replicas, resources, settings, autoscaling),
env / secrets (without the prefix), mounts, volumes, strategy, apiAccess, claims (StatefulSet with these claims), serviceExtra.
*/}}
{{- define "hydatis.workload" -}}
{{- $root := .root -}}
{{- $name := .name | default .room -}}
{{- $account := .account | default $name -}}
{{- $here := dict "root" $root "room" $name -}}
{{- $ports := index (include "hydatis.ports" $root | fromYaml) .room -}}
{{- $tls := $root.Values.tls.enabled -}}
{{- $health := dict "port" ($ports.metrics | default $ports.http) "scheme" (ternary "HTTPS" "HTTP" (and $tls (not $ports.metrics))) -}}
{{- $env := merge (dict) (.env | default dict) (include "hydatis.tlsEnvironment" $root | fromYaml) -}}
{{- $scaled := and .values.autoscaling .values.autoscaling.enabled -}}
{{- if not .account }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $account }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "hydatis.labels" $here | nindent 4 }}
automountServiceAccountToken: false
---
{{- end }}
apiVersion: apps/v1
kind: {{ if .claims }}StatefulSet{{ else }}Deployment{{ end }}
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "hydatis.labels" $here | nindent 4 }}
spec:
  {{- if not $scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  {{- if .claims }}
  serviceName: {{ $name }}
  podManagementPolicy: Parallel
  # what is uninstalled leaves nothing; who wants to keep records copies them before
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  {{- else if eq (.strategy | default "") "Recreate" }}
  strategy: {type: Recreate}
  {{- else }}
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  {{- end }}
  selector:
    matchLabels: {{- include "hydatis.selector" $here | nindent 6 }}
  template:
    metadata:
      labels: {{- include "hydatis.labels" $here | nindent 8 }}
      {{- with $root.Values.pods.annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $account }}
      automountServiceAccountToken: {{ .apiAccess | default false }}
      # a Service's variables (HYDATIS_..._PORT) must never be taken for settings
      enableServiceLinks: false
      securityContext: {{- include "hydatis.podSecurity" $root | nindent 8 }}
      affinity: {{- include "hydatis.antiAffinity" $here | nindent 8 }}
      {{- include "hydatis.podPlace" $root | nindent 6 }}
      {{- with $root.Values.pods.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      containers:
        - name: {{ .room }}
          image: {{ include "hydatis.image" (dict "root" $root "room" .room) }}
          imagePullPolicy: {{ $root.Values.images.pullPolicy }}
          securityContext: {{- include "hydatis.containerSecurity" $root | nindent 12 }}
          ports:
            {{- range $which, $port := $ports }}
            - {name: {{ $which }}, containerPort: {{ $port }}, protocol: TCP}
            {{- end }}
          env:
            {{- include "hydatis.environment" (dict "prefix" (printf "HYDATIS_%s_" (upper .room | replace "-" "_")) "env" $env "settings" .values.settings "secrets" .secrets) | trim | nindent 12 }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          {{- include "hydatis.probes" $health | nindent 10 }}
          lifecycle: {preStop: {sleep: {seconds: {{ $root.Values.pods.drainSeconds }}}}}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if $tls }}
            - {{ include "hydatis.tlsMount" $root }}
            {{- end }}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
        {{- if $tls }}
        - {{ include "hydatis.tlsVolume" (dict "root" $root "name" $name) }}
        {{- end }}
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- with .claims }}
  volumeClaimTemplates: {{- toYaml . | nindent 4 }}
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "hydatis.labels" $here | nindent 4 }}
spec:
  type: ClusterIP
  selector: {{- include "hydatis.selector" $here | nindent 4 }}
  ports:
    {{- range $which, $port := $ports }}
    - {name: {{ $which }}, port: {{ $port }}, targetPort: {{ $which }}, protocol: TCP{{ if eq $which "grpc" }}, appProtocol: {{ include "hydatis.grpcProtocol" $root }}{{ end }}}
    {{- end }}
  {{- with .serviceExtra }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "hydatis.labels" $here | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "hydatis.selector" $here | nindent 6 }}
{{- if $scaled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "hydatis.labels" $here | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: {{ if .claims }}StatefulSet{{ else }}Deployment{{ end }}, name: {{ $name }}}
  minReplicas: {{ .values.autoscaling.minReplicas }}
  maxReplicas: {{ .values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .values.autoscaling.cpuUtilizationPct }}}}
  behavior:
    # a model server that goes takes its callers' connections with it
    scaleDown: {stabilizationWindowSeconds: 600}
{{- end }}
{{- end }}
