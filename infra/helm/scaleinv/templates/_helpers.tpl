{{/* What would fail only hours later, in the night. */}}
{{- define "scaleinv.check" -}}
{{- $lake := default "" .Values.settings.SCALEINV_LAKE }}
{{- $book := or .Values.orders.bookSecret .Values.settings.SCALEINV_ORDERBOOK }}
{{- range .Values.overrides }}{{ if hasPrefix "orderbook.url=" . }}{{ $book = . }}{{ end }}{{ end }}
{{- if and (contains "://" $lake) (not (hasPrefix "file://" $lake)) (not $book) }}
{{- fail (printf "there is no order book: %s is an object store, where no database file can lie. Name the secret that has SCALEINV_ORDERBOOK, the address of a PostgreSQL database: --set orders.bookSecret=scaleinv-orderbook (docs/operations.md)" $lake) }}
{{- end }}
{{- $ray := .Values.ray }}
{{- if and (gt (float64 $ray.gpusPerWorker) 0.0) (not (and .Values.image.cuda (gt (int $ray.gpuWorkers.max) 0))) }}
{{- fail "no node has the GPUs that ray.gpusPerWorker asks for: name image.cuda, and let ray.gpuWorkers.max be more than 0" }}
{{- end }}
{{- if and (eq (float64 $ray.gpusPerWorker) 0.0) (eq (int $ray.cpuWorkers.max) 0) }}
{{- fail "no worker has a place: without ray.gpusPerWorker they are put on ray.cpuWorkers, whose max is 0" }}
{{- end }}
{{- if and .Values.server.enabled (not .Values.secrets) }}
{{- fail "server.enabled: nobody may use the server without keys or tokens. Name the secret that has SHIPMENTS_TOKEN, or what shipments.senders refers to, in secrets (docs/operations.md)" }}
{{- end }}
{{- end }}

{{- define "scaleinv.labels" -}}
app.kubernetes.io/name: scaleinv
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "scaleinv.selector" -}}
app.kubernetes.io/name: scaleinv
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scaleinv.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "scaleinv.security" -}}
allowPrivilegeEscalation: false
privileged: false
runAsNonRoot: true
runAsUser: 10001
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "scaleinv.envFrom" -}}
- configMapRef: {name: {{ .Release.Name }}-settings}
{{- range append .Values.secrets .Values.orders.bookSecret | compact | uniq }}
- secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "scaleinv.ordersVolume" -}}
name: orders
{{- if .Values.orders.claim }}
persistentVolumeClaim: {claimName: {{ .Values.orders.claim }}}
{{- else }}
emptyDir: {}
{{- end }}
{{- end }}

{{/* The environment and its overrides, the same for all that reads a configuration. */}}
{{- define "scaleinv.configuration" -}}
{{- $arguments := list "--env" .Values.env }}
{{- range .Values.overrides }}{{ $arguments = concat $arguments (list "--set" .) }}{{ end }}
{{- toJson $arguments }}
{{- end }}

{{/* Arguments of a stage as a list; AS_OF is put in when the night begins. */}}
{{- define "scaleinv.arguments" -}}
{{- $arguments := concat (list "--as-of" "AS_OF") (include "scaleinv.configuration" . | fromJsonArray) }}
{{- if .Values.schedule.onlyDue }}{{ $arguments = concat $arguments (list "--set" "schedule.reuse=true") }}{{ end }}
{{- $arguments = concat $arguments (list
  "--set" (printf "spark.shuffle_partitions=%v" .Values.spark.shufflePartitions)
  "--set" (printf "ray.num_workers=%v" .Values.ray.numWorkers)
  "--set" (printf "ray.cpus_per_worker=%v" .Values.ray.cpusPerWorker)
  "--set" (printf "ray.gpus_per_worker=%v" .Values.ray.gpusPerWorker)) }}
{{- toJson $arguments }}
{{- end }}
