{{- define "accord.labels" -}}
app.kubernetes.io/name: accord
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "accord.allLabels" -}}
{{ include "accord.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "accord.metadata" -}}
name: {{ .root.Release.Name }}-{{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "accord.allLabels" . | nindent 2 }}
{{- end -}}

{{- define "accord.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "accord.tlsSecret" -}}
{{ .root.Values.tls.secretPattern | replace "NAME" .name }}
{{- end -}}

{{/* A process that holds no keys of others: who it is, where it writes, what it may do. */}}
{{- define "accord.podSecurity" -}}
automountServiceAccountToken: false
{{- /* Variables of services would be called ACCORD_… like the settings. */}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "accord.containerSecurity" -}}
image: {{ include "accord.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "accord.env" -}}
- {name: {{ .name }}, value: {{ .value | toString | quote }}}
{{- end -}}

{{- define "accord.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key }}}}
{{- end -}}

{{/* Where Temporal is and how it is reached: of worker, relay, gateway and the job that makes the namespace. */}}
{{- define "accord.temporalEnv" -}}
{{- $temporal := .Values.temporal -}}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_ADDRESS" "value" $temporal.address) }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_NAMESPACE" "value" $temporal.namespace) }}
{{- if $temporal.tls.enabled }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_TLS" "value" "true") }}
{{- with $temporal.tls.serverName }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_SERVER_NAME" "value" .) }}
{{- end }}
{{- if $temporal.tls.secret }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_CA_FILE" "value" "/etc/accord/temporal/ca.crt") }}
{{- if $temporal.tls.clientCertificate }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_CERT_FILE" "value" "/etc/accord/temporal/tls.crt") }}
{{ include "accord.env" (dict "name" "ACCORD_TEMPORAL_KEY_FILE" "value" "/etc/accord/temporal/tls.key") }}
{{- end }}
{{- end }}
{{- end }}
{{- with $temporal.apiKeySecret }}
{{ include "accord.secretEnv" (dict "name" "ACCORD_TEMPORAL_API_KEY" "secret" . "key" "api-key") }}
{{- end }}
{{- end -}}

{{- define "accord.temporalMount" -}}
{{- if and .Values.temporal.tls.enabled .Values.temporal.tls.secret }}
- {name: temporal, mountPath: /etc/accord/temporal, readOnly: true}
{{- end }}
{{- end -}}

{{- define "accord.temporalVolume" -}}
{{- if and .Values.temporal.tls.enabled .Values.temporal.tls.secret }}
- name: temporal
  secret: {secretName: {{ .Values.temporal.tls.secret | quote }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* The template of a pod: root, name, own (its values), keys (its files of the secret of keys), state (a volume). */}}
{{- define "accord.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $service := has .name (list "intake" "mediation" "escalation") -}}
{{- $health := ternary (dict "path" "/readyz" "port" "http") (dict "path" "/readyz" "port" "metrics") (eq .name "gateway") -}}
metadata:
  labels:
    {{- include "accord.allLabels" . | nindent 4 }}
spec:
  {{- include "accord.podSecurity" $root | nindent 2 }}
  terminationGracePeriodSeconds: 30
  {{- if not (or $service (eq .name "relay")) }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "accord.labels" . | nindent 10 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      {{- include "accord.containerSecurity" $root | nindent 6 }}
      args: [run, {{ .name }}]
      env:
        {{- include "accord.env" (dict "name" "ACCORD_PROFILE" "value" $values.profile) | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_PLAINTEXT" "value" $values.plaintext) | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_LOG_LEVEL" "value" $values.logLevel) | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_TRUST_FILE" "value" "/etc/accord/keys/trust.json") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_METRICS_HOST" "value" "0.0.0.0") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_METRICS_PORT" "value" 9400) | nindent 8 }}
        {{- with $values.otlpEndpoint }}
        {{- include "accord.env" (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .) | nindent 8 }}
        {{- end }}
        {{- if $values.tls.enabled }}
        {{- include "accord.env" (dict "name" "ACCORD_TLS_CERT_FILE" "value" "/etc/accord/tls/tls.crt") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_TLS_KEY_FILE" "value" "/etc/accord/tls/tls.key") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_TLS_CA_FILE" "value" "/etc/accord/tls/ca.crt") | nindent 8 }}
        {{- end }}
        {{- if $service }}
        {{- include "accord.env" (dict "name" "ACCORD_LISTEN" "value" "0.0.0.0:8411") | nindent 8 }}
        {{- include "accord.secretEnv" (dict "name" "ACCORD_DATABASE_URL" "secret" $values.secrets.database "key" (printf "%s-url" .name)) | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_MASTER_KEY_FILE" "value" "/etc/accord/keys/master.key") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_CODES_KEY_FILE" "value" "/etc/accord/keys/codes.pem") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_ERASURES_FILE" "value" "/var/lib/accord/state/erasures") | nindent 8 }}
        {{- else }}
        {{- range list "intake" "mediation" "escalation" }}
        {{- include "accord.env" (dict "name" (printf "ACCORD_%s_ADDRESS" (upper .)) "value" (printf "%s-%s:8411" $root.Release.Name .)) | nindent 8 }}
        {{- end }}
        {{- include "accord.env" (dict "name" "ACCORD_CLIENT_NAME" "value" .name) | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_CLIENT_KEY_FILE" "value" (printf "/etc/accord/keys/%s.pem" .name)) | nindent 8 }}
        {{- include "accord.temporalEnv" $root | nindent 8 }}
        {{- end }}
        {{- if eq .name "intake" }}
        {{- include "accord.env" (dict "name" "ACCORD_PORTABLE_TRUST_FILE" "value" "/etc/accord/keys/portable-trust.json") | nindent 8 }}
        {{- else if eq .name "mediation" }}
        {{- include "accord.env" (dict "name" "ACCORD_FILES" "value" "/var/lib/accord/state/files") | nindent 8 }}
        {{- include "accord.env" (dict "name" "ACCORD_PORTABLE_KEY_FILE" "value" "/etc/accord/keys/portable.pem") | nindent 8 }}
        {{- else if eq .name "gateway" }}
        {{- include "accord.env" (dict "name" "ACCORD_LISTEN" "value" "0.0.0.0:8400") | nindent 8 }}
        {{- end }}
        {{- range $name, $value := merge (deepCopy .own.settings) $values.settings }}
        {{- include "accord.env" (dict "name" $name "value" $value) | nindent 8 }}
        {{- end }}
      ports:
        {{- if $service }}
        - {name: grpc, containerPort: 8411}
        {{- else if eq .name "gateway" }}
        - {name: http, containerPort: 8400}
        {{- end }}
        - {name: metrics, containerPort: 9400}
      startupProbe:
        httpGet: {path: /healthz, port: {{ $health.port }}}
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: {path: /healthz, port: {{ $health.port }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: {{ $health.path }}, port: {{ $health.port }}}
        periodSeconds: 5
        timeoutSeconds: 5
      resources:
        {{- toYaml .own.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: keys, mountPath: /etc/accord/keys, readOnly: true}
        {{- if $values.tls.enabled }}
        - {name: tls, mountPath: /etc/accord/tls, readOnly: true}
        {{- end }}
        {{- if $service }}
        - {name: state, mountPath: /var/lib/accord/state}
        {{- else }}
        {{- include "accord.temporalMount" $root | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 512Mi}
    - name: keys
      secret:
        secretName: {{ $values.secrets.keys | quote }}
        defaultMode: 0440
        items:
          {{- range .keys }}
          - {key: {{ . }}, path: {{ . }}}
          {{- end }}
    {{- if $values.tls.enabled }}
    - name: tls
      secret: {secretName: {{ include "accord.tlsSecret" . | quote }}, defaultMode: 0440}
    {{- end }}
    {{- if not $service }}
    {{- include "accord.temporalVolume" $root | nindent 4 }}
    {{- end }}
{{- end -}}
