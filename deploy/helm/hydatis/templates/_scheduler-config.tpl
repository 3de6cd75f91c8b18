{{/* The stock scheduler with every in-tree plugin on, and the extender; deploy/scheduler says why each value is what it is. */}}
{{- define "hydatis.schedulerConfig" -}}
{{- $scheduler := .Values.scheduler -}}
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
{{- if eq $scheduler.mode "second" }}
clientConnection:
  qps: {{ $scheduler.clientQps }}
  burst: {{ $scheduler.clientBurst }}
leaderElection:
  leaderElect: true
  resourceLock: leases
  resourceName: {{ $scheduler.name }}
  resourceNamespace: {{ .Release.Namespace }}
profiles:
  - schedulerName: {{ $scheduler.name }}
{{- end }}
extenders:
  - urlPrefix: {{ $scheduler.extender.url | default (printf "http://scheduler-plugin.%s.svc:7080" .Release.Namespace) }}
    filterVerb: filter
    prioritizeVerb: prioritize
    weight: {{ $scheduler.extender.weight }}
    nodeCacheCapable: true
    ignorable: true
    httpTimeout: {{ $scheduler.extender.httpTimeout }}
{{- end }}
