{{/* The stock scheduler with every in-tree plugin on, and the extender; deploy/scheduler says why each value is what it is. */}}
{{- define "hydatis.schedulerConfig" -}}
{{- $scheduler := .Values.scheduler -}}
{{- $url := printf "%s://scheduler-plugin.%s.svc:7080" (ternary "https" "http" .Values.tls.enabled) .Release.Namespace -}}
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
  - urlPrefix: {{ $scheduler.extender.url | default $url }}
    {{- if .Values.tls.enabled }}
    {{- $folder := ternary (include "hydatis.tlsFolder" .) $scheduler.extender.tlsFolder (eq $scheduler.mode "second") }}
    enableHTTPS: true
    tlsConfig: {caFile: {{ $folder }}/ca.crt, certFile: {{ $folder }}/tls.crt, keyFile: {{ $folder }}/tls.key}
    {{- end }}
    filterVerb: filter
    prioritizeVerb: prioritize
    weight: {{ $scheduler.extender.weight }}
    nodeCacheCapable: true
    ignorable: true
    httpTimeout: {{ $scheduler.extender.httpTimeout }}
{{- end }}
