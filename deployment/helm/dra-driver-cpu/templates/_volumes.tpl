{{/* The files of the node that the driver uses, as a list; every flag that names one of them is derived from the same value. */}}
{{- define "dra-driver-cpu.nodePaths" -}}
{{- $kubeletRoot := include "dra-driver-cpu.kubeletRootDir" . -}}
- name: device-plugin
  path: {{ clean (printf "%s/plugins" $kubeletRoot) | quote }}
  type: DirectoryOrCreate
- name: plugin-registry
  path: {{ clean (printf "%s/plugins_registry" $kubeletRoot) | quote }}
  type: DirectoryOrCreate
- name: nri-plugin
  path: {{ dir (.Values.nriSocket | default "/var/run/nri/nri.sock") | quote }}
  type: DirectoryOrCreate
- name: cdi-dir
  path: {{ .Values.cdiDir | default "/var/run/cdi" | quote }}
  type: DirectoryOrCreate
# The cgroups of the node show which CPUs containers really have.
- name: cgroup
  path: /sys/fs/cgroup
  type: Directory
  mount:
    readOnly: true
    recursiveReadOnly: IfPossible
{{- if ne .Values.cpuManagerCheck false }}
- name: cpu-manager-state
  path: {{ clean (printf "%s/cpu_manager_state" $kubeletRoot) | quote }}
  type: File
  mount:
    readOnly: true
{{- end }}
{{- end -}}

{{/* The mounts of the container: (list CONTEXT WORKLOAD). */}}
{{- define "dra-driver-cpu.volumeMounts" -}}
{{- range include "dra-driver-cpu.nodePaths" (first .) | fromYamlArray }}
- name: {{ .name }}
  mountPath: {{ .path | quote }}
  {{- with .mount }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with (first .).Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- if (last .).config }}
- name: driver-config
  mountPath: /etc/dracpu
  readOnly: true
{{- end }}
{{- end -}}

{{/* The volumes of the pod: (list CONTEXT WORKLOAD). */}}
{{- define "dra-driver-cpu.volumes" -}}
{{- range include "dra-driver-cpu.nodePaths" (first .) | fromYamlArray }}
- name: {{ .name }}
  hostPath:
    path: {{ .path | quote }}
    type: {{ .type }}
{{- end }}
{{- with (first .).Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- if (last .).config }}
- name: driver-config
  configMap:
    name: {{ (last .).name }}-config
{{- end }}
{{- end -}}
