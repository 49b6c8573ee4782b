{{/* The name of the chart, or its override. */}}
{{- define "dra-driver-cpu.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of every object: that of the release, with that of the chart unless it contains it. At most 63 characters. */}}
{{- define "dra-driver-cpu.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The selector of the DaemonSet for nodes of no group. Selectors of DaemonSets are immutable, so this must never change. */}}
{{- define "dra-driver-cpu.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dra-driver-cpu.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Selects the pods of all DaemonSets of the release. */}}
{{- define "dra-driver-cpu.releaseLabels" -}}
app.kubernetes.io/name: {{ include "dra-driver-cpu.name" . }}
dra.cpu/release: {{ .Release.Name }}
{{- end -}}

{{- define "dra-driver-cpu.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "dra-driver-cpu.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* A map with the entries of another one over it, also those that are empty or false: (list MAP MAP). */}}
{{- define "dra-driver-cpu.overlay" -}}
{{- $result := deepCopy (first .) -}}
{{- range $key, $value := last . | default dict -}}
{{- $old := get $result $key -}}
{{- if and (kindIs "map" $old) (kindIs "map" $value) -}}
{{- $value = include "dra-driver-cpu.overlay" (list $old $value) | fromYaml -}}
{{- end -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* The labels of an object with those of its user: (list CONTEXT LABELS). */}}
{{- define "dra-driver-cpu.labelsWith" -}}
{{- include "dra-driver-cpu.overlay" (list (include "dra-driver-cpu.labels" (first .) | fromYaml) (last .)) -}}
{{- end -}}

{{/* The service account of the pods. */}}
{{- define "dra-driver-cpu.serviceAccountName" -}}
{{- $account := .Values.serviceAccount | default dict -}}
{{- if and (eq (toString $account.create) "false") (not $account.name) -}}
{{- fail "Cannot set serviceAccount.create to false without serviceAccount.name: name an existing service account" -}}
{{- end -}}
{{- $account.name | default (include "dra-driver-cpu.fullname" .) -}}
{{- end -}}

{{/* The image by its digest, or by its tag. */}}
{{- define "dra-driver-cpu.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/*
The kubelet's root directory, cleaned like the driver does, so that mounts and flags name the same directories. A release of an
older chart that is upgraded with --reuse-values does not have this value at all.
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
{{- fail (printf "Cannot use kubeletRootDir %q: it begins or ends with white space, so it is not the kubelet's directory" $root) -}}
{{- end -}}
{{- if not (isAbs $root) -}}
{{- fail (printf "Cannot use kubeletRootDir %q: it must be an absolute path" $root) -}}
{{- end -}}
{{- $root = clean $root -}}
{{- $socket := clean (printf "%s/plugins_registry/dra.cpu-reg.sock" $root) -}}
{{- if gt (len $socket) 107 -}}
{{- fail (printf "Cannot use kubeletRootDir %q: the path of the socket %q has %d bytes, and the limit of Unix sockets is 107; use a path of at most 73 bytes" $root $socket (len $socket)) -}}
{{- end -}}
{{- $root -}}
{{- end -}}

{{/*
"true" if an old and a new pod of the driver can run side by side on a node: they need different ports, and room in a Unix
socket path (107 bytes) for the UID of the pod: <root>/plugins/dra.cpu/dra-<UID>.sock takes 62 bytes.
*/}}
{{- define "dra-driver-cpu.sideBySide" -}}
{{- if and (not .Values.hostNetwork) (le (len (include "dra-driver-cpu.kubeletRootDir" .)) 45) -}}true{{- end -}}
{{- end -}}
