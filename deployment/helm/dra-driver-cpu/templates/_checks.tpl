{{/* What a JSON schema cannot express about the values: each failure names the values and the remedy. */}}
{{- define "dra-driver-cpu.checkValues" -}}
{{- include "dra-driver-cpu.checkMonitors" (.Values.metrics | default dict) -}}
{{- include "dra-driver-cpu.checkUpdateStrategy" . -}}
{{- include "dra-driver-cpu.checkArguments" (.Values.extraArgs | default list) -}}
{{- if and .Values.hostNetwork (.Values.networkPolicy | default dict).create -}}
{{- fail "Cannot set networkPolicy.create with hostNetwork: network policies do not apply to pods on the network of the node; set one of the two to false" -}}
{{- end -}}
{{- end -}}

{{- define "dra-driver-cpu.checkMonitors" -}}
{{- if and (.podMonitor | default dict).create (.serviceMonitor | default dict).create -}}
{{- fail "Cannot set both metrics.podMonitor.create and metrics.serviceMonitor.create: Prometheus would scrape every pod twice; set one of the two to false" -}}
{{- end -}}
{{- end -}}

{{- define "dra-driver-cpu.checkUpdateStrategy" -}}
{{- $strategy := .Values.updateStrategy | default dict -}}
{{- $rolling := $strategy.rollingUpdate | default dict -}}
{{- $hasSurge := not (has (toString ($rolling.maxSurge | default 0)) (list "0" "0%")) -}}
{{- $hasNoUnavailable := and (hasKey $rolling "maxUnavailable") (has (toString $rolling.maxUnavailable) (list "0" "0%")) -}}
{{- if and $rolling (eq ($strategy.type | default "RollingUpdate") "OnDelete") -}}
{{- fail "Cannot set updateStrategy.rollingUpdate with type OnDelete: remove one of the two" -}}
{{- end -}}
{{- if and $hasSurge (hasKey $rolling "maxUnavailable") (not $hasNoUnavailable) -}}
{{- fail "Cannot set both maxSurge and maxUnavailable of updateStrategy.rollingUpdate: a DaemonSet uses one of the two; set the other to 0" -}}
{{- end -}}
{{- if and $hasNoUnavailable (not $hasSurge) -}}
{{- fail "Cannot set maxUnavailable of updateStrategy.rollingUpdate to 0 without maxSurge: no pod could be updated; set maxSurge to 1" -}}
{{- end -}}
{{- if and $hasSurge (ne (include "dra-driver-cpu.sideBySide" .) "true") -}}
{{- fail "Cannot set maxSurge of updateStrategy.rollingUpdate: two pods cannot run side by side on a node with hostNetwork or with a kubeletRootDir of more than 45 bytes; set maxUnavailable instead" -}}
{{- end -}}
{{- end -}}

{{/* A text that is not a flag must be the value of the flag before it. */}}
{{- define "dra-driver-cpu.checkArguments" -}}
{{- $before := "" -}}
{{- range . -}}
{{- if and (not (hasPrefix "-" .)) (or (not (hasPrefix "-" $before)) (contains "=" $before)) -}}
{{- fail (printf "Cannot use extraArgs: %q is not a flag of the driver; write flags as \"--name=value\"" .) -}}
{{- end -}}
{{- $before = . -}}
{{- end -}}
{{- end -}}

{{/* What a pattern cannot express about the CPU lists of a configuration file: the order of a range and the highest number. */}}
{{- define "dra-driver-cpu.checkConfig" -}}
{{- $where := empty .group | ternary "driverConfig.reservedCPUs" (printf "driverConfig.reservedCPUs of node group %q" .group) -}}
{{- $list := .config.reservedCPUs | default "" | trimSuffix "\n" -}}
{{- range $range := empty $list | ternary list (splitList "," $list) -}}
{{- $ends := list -}}
{{- range splitList "-" $range -}}
{{- $number := regexReplaceAll "^0+([0-9])" . "${1}" -}}
{{- if or (gt (len $number) 5) (gt (int64 $number) 65535) -}}
{{- fail (printf "Cannot use %s %q: the highest number of a CPU is 65535" $where $list) -}}
{{- end -}}
{{- $ends = append $ends (int64 $number) -}}
{{- end -}}
{{- if gt (first $ends) (last $ends) -}}
{{- fail (printf "Cannot use %s %q: the range %q is reversed; write the lower number first" $where $list $range) -}}
{{- end -}}
{{- end -}}
{{- end -}}
