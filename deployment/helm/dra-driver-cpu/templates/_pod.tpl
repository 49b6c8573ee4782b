{{/* The pod of a DaemonSet: (list CONTEXT WORKLOAD). */}}
{{- define "dra-driver-cpu.podSpec" -}}
{{- $root := first . -}}
{{- $workload := last . -}}
{{- $values := $root.Values -}}
{{- $podSecurity := dict "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if $values.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
priorityClassName: {{ $values.priorityClassName | default "system-node-critical" }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
nodeSelector:
  {{- toYaml $workload.nodeSelector | nindent 2 }}
{{- with $workload.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "dra-driver-cpu.serviceAccountName" $root }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "dra-driver-cpu.overlay" (list $podSecurity $values.podSecurityContext) | nindent 2 }}
containers:
  - name: dracpu
    image: {{ include "dra-driver-cpu.image" $root | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args:
      {{- include "dra-driver-cpu.args" . | nindent 6 }}
    env:
      {{- include "dra-driver-cpu.env" $root | nindent 6 }}
    ports:
      - name: healthz
        containerPort: {{ $values.healthzPort | default 8080 }}
        protocol: TCP
    {{- include "dra-driver-cpu.probes" $root | nindent 4 }}
    {{- $resources := dict }}
    {{- range $key, $value := $values.resources }}{{ if $value }}{{ $_ := set $resources $key $value }}{{ end }}{{ end }}
    {{- with $resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- include "dra-driver-cpu.securityContext" $root | nindent 6 }}
    volumeMounts:
      {{- include "dra-driver-cpu.volumeMounts" . | trim | nindent 6 }}
volumes:
  {{- include "dra-driver-cpu.volumes" . | trim | nindent 2 }}
{{- end -}}

{{- define "dra-driver-cpu.args" -}}
{{- $values := (first .).Values -}}
{{- $args := $values.args | default dict -}}
{{- $kubeletRoot := include "dra-driver-cpu.kubeletRootDir" (first .) -}}
{{- $logLevel := hasKey $args "logLevel" | ternary $args.logLevel 4 -}}
- /dracpu
- --v={{ int64 $logLevel }}
- --bind-address=:{{ $values.healthzPort | default 8080 }}
- --expose-pcie-roots={{ $args.exposePCIeRoots | default false }}
{{- if ne $kubeletRoot "/var/lib/kubelet" }}
- {{ printf "--kubelet-root-dir=%s" $kubeletRoot | quote }}
{{- end }}
{{- with $values.nriSocket }}{{ if ne . "/var/run/nri/nri.sock" }}
- {{ printf "--nri-socket=%s" . | quote }}
{{- end }}{{ end }}
{{- with $values.cdiDir }}{{ if ne . "/var/run/cdi" }}
- {{ printf "--cdi-dir=%s" . | quote }}
{{- end }}{{ end }}
{{- if (last .).config }}
- --config=/etc/dracpu/config.yaml
{{- end }}
{{- range $values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "dra-driver-cpu.env" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
# Namespace and name distinguish the successor of a pod from a pod of another installation.
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- if include "dra-driver-cpu.sideBySide" . }}
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dra-driver-cpu.probes" -}}
startupProbe:
  httpGet:
    path: {{ .Values.healthzPath | default "/livez" }}
    port: healthz
  # The driver listens after a second; an earlier probe would fail and record a misleading event.
  initialDelaySeconds: 2
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet:
    path: {{ .Values.healthzPath | default "/livez" }}
    port: healthz
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: {{ .Values.healthzPath | default "/readyz" }}
    port: healthz
  initialDelaySeconds: 4
  periodSeconds: 2
  timeoutSeconds: 5
{{- end -}}

{{- define "dra-driver-cpu.securityContext" -}}
{{- $security := dict
      "allowPrivilegeEscalation" false
      "capabilities" (dict "drop" (list "ALL"))
      "privileged" false
      "readOnlyRootFilesystem" true
      "runAsNonRoot" false
      "runAsUser" 0 -}}
{{- if include "dra-driver-cpu.hasConstraints" . -}}
{{- $_ := set $security "seLinuxOptions" (dict "type" "spc_t") -}}
{{- end -}}
{{- include "dra-driver-cpu.overlay" (list $security .Values.securityContext) -}}
{{- end -}}

{{/* "true" if the release has SecurityContextConstraints of OpenShift. */}}
{{- define "dra-driver-cpu.hasConstraints" -}}
{{- if ((.Values.openshift | default dict).securityContextConstraints | default dict).create -}}true{{- end -}}
{{- end -}}
