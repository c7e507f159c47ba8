{{/* A container of Ray: dict "root" $ "name" "image" "cpu" "memory" "gpus". */}}
{{- define "scaleinv.rayContainer" -}}
name: {{ .name }}
image: {{ .image | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
envFrom: {{- include "scaleinv.envFrom" .root | nindent 2 }}
resources:
  requests: {cpu: {{ .cpu | quote }}, memory: {{ .memory }}{{ if .gpus }}, nvidia.com/gpu: {{ .gpus | quote }}{{ end }}}
  limits: {memory: {{ .memory }}{{ if .gpus }}, nvidia.com/gpu: {{ .gpus | quote }}{{ end }}}
securityContext: {{- include "scaleinv.security" .root | nindent 2 }}
volumeMounts:
  {{- if eq .name "ray-head" }}
  - {name: orders, mountPath: /orders}
  {{- end }}
  - {name: shared, mountPath: /dev/shm}
{{- end }}

{{/* The pod around it: the same, and "spot", "gpu". */}}
{{- define "scaleinv.rayPod" -}}
metadata:
  labels: {{- include "scaleinv.labels" .root | nindent 4 }}
    scaleinv/part: ray
  {{- if not .spot }}
  annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}
  {{- end }}
spec:
  serviceAccountName: {{ .root.Release.Name }}-{{ ternary "ray" "work" (eq .name "ray-head") }}
  {{- if ne .name "ray-head" }}
  automountServiceAccountToken: false
  {{- end }}
  terminationGracePeriodSeconds: 60  # a spot node's notice: Ray drains it
  securityContext: {{- include "scaleinv.podSecurity" .root | nindent 4 }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    -
      {{- include "scaleinv.rayContainer" . | nindent 6 }}
      {{- if eq .name "ray-head" }}
      ports:
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        - {name: metrics, containerPort: 8080}
      {{- end }}
  volumes:
    {{- if eq .name "ray-head" }}
    - {{- include "scaleinv.ordersVolume" .root | nindent 6 }}
    {{- end }}
    - name: shared
      emptyDir: {medium: Memory, sizeLimit: 4Gi}
  {{- $tolerations := list }}
  {{- if .spot }}{{ $tolerations = concat $tolerations .root.Values.spot.tolerations }}{{ end }}
  {{- if .gpus }}{{ $tolerations = concat $tolerations .root.Values.gpu.tolerations }}{{ end }}
  {{- with $tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $selector := dict }}
  {{- if .spot }}{{ $selector = merge $selector .root.Values.spot.nodeSelector }}{{ end }}
  {{- if .gpus }}{{ $selector = merge $selector .root.Values.gpu.nodeSelector }}{{ end }}
  {{- with $selector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The cluster of a RayJob. KubeRay makes a token for it, in a Secret: without it nobody submits a job or reads the dashboard. */}}
{{- define "scaleinv.rayCluster" -}}
{{- $ray := .Values.ray }}
rayVersion: {{ $ray.version | quote }}
authOptions: {mode: token}
enableInTreeAutoscaling: true
autoscalerOptions:
  upscalingMode: Default
  idleTimeoutSeconds: 120
  resources:
    requests: {cpu: 200m, memory: 512Mi}
    limits: {memory: 1Gi}
  securityContext: {{- include "scaleinv.security" . | nindent 4 }}
headGroupSpec:
  rayStartParams: {dashboard-host: "0.0.0.0", num-cpus: "0"}  # Ray puts no worker here: losing the head ends the job, which runs in it, as do all stages that fan nothing out
  template: {{- include "scaleinv.rayPod" (dict "root" . "name" "ray-head" "image" .Values.image.cpu "cpu" $ray.head.cpu "memory" $ray.head.memory "gpus" 0 "spot" false) | nindent 4 }}
workerGroupSpecs:
  {{- if gt (int $ray.cpuWorkers.max) 0 }}
  - groupName: cpu
    minReplicas: {{ $ray.cpuWorkers.min }}
    replicas: {{ $ray.cpuWorkers.min }}
    maxReplicas: {{ $ray.cpuWorkers.max }}
    rayStartParams: {}
    template: {{- include "scaleinv.rayPod" (dict "root" . "name" "ray-worker" "image" .Values.image.cpu "cpu" $ray.cpuWorkers.cpu "memory" $ray.cpuWorkers.memory "gpus" 0 "spot" $ray.spot) | nindent 6 }}
  {{- end }}
  {{- if and .Values.image.cuda (gt (int $ray.gpuWorkers.max) 0) }}
  - groupName: gpu
    minReplicas: {{ $ray.gpuWorkers.min }}
    replicas: {{ $ray.gpuWorkers.min }}
    maxReplicas: {{ $ray.gpuWorkers.max }}
    rayStartParams: {}
    template: {{- include "scaleinv.rayPod" (dict "root" . "name" "ray-worker" "image" .Values.image.cuda "cpu" $ray.gpuWorkers.cpu "memory" $ray.gpuWorkers.memory "gpus" $ray.gpuWorkers.gpus "spot" $ray.spot) | nindent 6 }}
  {{- end }}
{{- end }}

{{- define "scaleinv.ray" -}}
{{- /* Each in quotes: the shell reads none of them. values.schema.json lets no quote into an override. */}}
{{- $arguments := list }}
{{- range include "scaleinv.arguments" . | fromJsonArray }}{{ $arguments = append $arguments (printf "'%s'" .) }}{{ end }}
apiVersion: ray.io/v1
kind: RayJob
metadata:
  name: {{ .Release.Name }}-ray-AS_OF_COMPACT
  namespace: {{ .Release.Namespace }}
  labels: {{- include "scaleinv.labels" . | nindent 4 }}
spec:
  entrypoint: >-
    sh -ec 'for stage in train forecast evaluate optimize replenish export reconcile track; do
    python /opt/scaleinv/jobs/$stage.py "$@"; done' night {{ join " " $arguments }}
  submissionMode: K8sJobMode
  shutdownAfterJobFinishes: true
  ttlSecondsAfterFinished: 600
  activeDeadlineSeconds: {{ .Values.schedule.deadlineSeconds }}
  backoffLimit: {{ .Values.ray.backoffLimit }}
  submitterPodTemplate:
    metadata:
      labels: {{- include "scaleinv.labels" . | nindent 8 }}
        scaleinv/part: ray
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .Release.Name }}-work
      automountServiceAccountToken: false
      securityContext: {{- include "scaleinv.podSecurity" . | nindent 8 }}
      containers:
        - name: submit
          image: {{ .Values.image.cpu | quote }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          resources:
            requests: {cpu: 200m, memory: 512Mi}
            limits: {memory: 1Gi}
          securityContext: {{- include "scaleinv.security" . | nindent 12 }}
  rayClusterSpec: {{- include "scaleinv.rayCluster" . | nindent 4 }}
{{- end }}
