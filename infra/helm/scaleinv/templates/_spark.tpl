{{/* The SparkApplication of one stage: dict "root" $ "stage" "ingest". */}}
{{- define "scaleinv.spark" -}}
{{- $root := .root }}{{ $values := $root.Values }}
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata:
  name: {{ $root.Release.Name }}-{{ .stage }}-AS_OF_COMPACT
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "scaleinv.labels" $root | nindent 4 }}
spec:
  type: Python
  mode: cluster
  pythonVersion: "3"
  sparkVersion: {{ $values.spark.version | quote }}
  image: {{ $values.image.cpu | quote }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets: {{ range . }}
    - {{ .name }}{{ end }}
  {{- end }}
  mainApplicationFile: local:///opt/scaleinv/jobs/{{ .stage }}.py
  arguments: {{ include "scaleinv.arguments" $root }}
  timeToLiveSeconds: 604800
  restartPolicy:
    type: OnFailure
    onFailureRetries: 2
    onFailureRetryInterval: 60
    onSubmissionFailureRetries: 3
    onSubmissionFailureRetryInterval: 30
  # As conf/spark.conf has it, and why; but for the number of executors, which is the values', and where the event log goes.
  sparkConf:
    spark.sql.extensions: io.delta.sql.DeltaSparkSessionExtension
    spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog
    # An operator that does not know shuffleTrackingEnabled (below) turns tracking on: what is idle goes back all the same.
    spark.dynamicAllocation.shuffleTracking.timeout: 10min
    spark.sql.adaptive.enabled: "true"
    # One slow node must not hold up a night: its last tasks are begun elsewhere, too. Commits are Delta's: one wins.
    spark.speculation: "true"
    spark.speculation.quantile: "0.9"
    # A spot node says that it goes: its shuffle files are moved first.
    spark.kubernetes.decommission.script: /opt/scaleinv/bin/decommission
    spark.decommission.enabled: "true"
    spark.storage.decommission.enabled: "true"
    spark.storage.decommission.shuffleBlocks.enabled: "true"
    {{- with $values.spark.eventLog }}
    spark.eventLog.enabled: "true"
    spark.eventLog.dir: {{ . }}
    {{- end }}
    spark.kubernetes.driver.annotation.cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
  dynamicAllocation:
    enabled: true
    initialExecutors: {{ $values.spark.executor.min }}
    minExecutors: {{ $values.spark.executor.min }}
    maxExecutors: {{ $values.spark.executor.max }}
    shuffleTrackingEnabled: false
  driver:
    cores: {{ $values.spark.driver.cores }}
    memory: {{ $values.spark.driver.memory }}
    memoryOverhead: {{ $values.spark.driver.memoryOverhead }}
    serviceAccount: {{ $root.Release.Name }}-spark
    labels: {{- include "scaleinv.labels" $root | nindent 6 }}
      scaleinv/part: spark
    envFrom: {{- include "scaleinv.envFrom" $root | nindent 6 }}
    podSecurityContext: {{- include "scaleinv.podSecurity" $root | nindent 6 }}
    securityContext: {{- include "scaleinv.security" $root | nindent 6 }}
  executor:
    cores: {{ $values.spark.executor.cores }}
    memory: {{ $values.spark.executor.memory }}
    memoryOverhead: {{ $values.spark.executor.memoryOverhead }}
    instances: {{ $values.spark.executor.min }}
    terminationGracePeriodSeconds: 60  # a spot node's notice: to move shuffle files
    serviceAccount: {{ $root.Release.Name }}-work
    labels: {{- include "scaleinv.labels" $root | nindent 6 }}
      scaleinv/part: spark
    envFrom: {{- include "scaleinv.envFrom" $root | nindent 6 }}
    podSecurityContext: {{- include "scaleinv.podSecurity" $root | nindent 6 }}
    securityContext: {{- include "scaleinv.security" $root | nindent 6 }}
    {{- if $values.spark.spot }}
    tolerations: {{- toYaml $values.spot.tolerations | nindent 6 }}
    {{- with $values.spot.nodeSelector }}
    nodeSelector: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- end }}
{{- end }}
