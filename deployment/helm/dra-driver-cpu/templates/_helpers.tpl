{{/* The chart's name, or what replaces it. */}}
{{- define "dra-driver-cpu.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of every object: the release's, with the chart's unless it is part of it. Names end at 63 characters. */}}
{{- define "dra-driver-cpu.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What the DaemonSet selects by: never to change, since selectors of a DaemonSet cannot. */}}
{{- define "dra-driver-cpu.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dra-driver-cpu.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dra-driver-cpu.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "dra-driver-cpu.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/*
The kubelet's root, clean and fit for sockets. A release made with an older chart and upgraded with --reuse-values has no
such value at all. The paths are cleaned like the driver's, so that mounts and flags name the same directories.
*/}}
{{- define "dra-driver-cpu.kubeletRootDir" -}}
{{- $root := "/var/lib/kubelet" -}}
{{- if hasKey .Values "kubeletRootDir" -}}
{{- $root = .Values.kubeletRootDir | default "" -}}
{{- end -}}
{{- if not $root -}}
{{- fail "Cannot use kubeletRootDir: it is empty; leave it out for /var/lib/kubelet" -}}
{{- end -}}
{{- if ne $root (trim $root) -}}
{{- fail (printf "Cannot use kubeletRootDir %q: it begins or ends with white space, which would name another directory than the kubelet's" $root) -}}
{{- end -}}
{{- if not (isAbs $root) -}}
{{- fail (printf "Cannot use kubeletRootDir %q: want an absolute path" $root) -}}
{{- end -}}
{{- $root = clean $root -}}
{{- $socket := clean (printf "%s/plugins_registry/dra.cpu-reg.sock" $root) -}}
{{- if gt (len $socket) 107 -}}
{{- fail (printf "Cannot use kubeletRootDir %q: the socket %q in it has %d bytes, a Unix socket path may have 107; shorten it to 73 bytes" $root $socket (len $socket)) -}}
{{- end -}}
{{- $root -}}
{{- end -}}

{{/*
"true" where an old and a new pod of the driver can run side by side on a node: no host port that only one can have, and room
in a Unix socket path (107 bytes) for the pod's UID: <root>/plugins/dra.cpu/dra-<UID>.sock takes 62 bytes.
*/}}
{{- define "dra-driver-cpu.sideBySide" -}}
{{- if and (not .Values.hostNetwork) (le (len (include "dra-driver-cpu.kubeletRootDir" .)) 45) -}}true{{- end -}}
{{- end -}}

{{/* The configuration file: driverConfig, over it the deprecated values below args. */}}
{{- define "dra-driver-cpu.driverConfig" -}}
{{- $config := deepCopy (.Values.driverConfig | default dict) -}}
{{- $args := .Values.args | default dict -}}
{{- range $key := list "cpuDeviceMode" "groupBy" "reservedCPUs" "hostnameOverride" -}}
{{- with get $args $key -}}
{{- $_ := set $config $key . -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
