{{/*
The DaemonSets of the release as a list: the default one first, then one per entry of nodeGroups. Each has
  name          of the DaemonSet
  group         name of the group; "" for the default
  config        content of the configuration file
  nodeSelector  labels of its nodes
  affinity      that of the values, extended so that a node runs one of the DaemonSets only
*/}}
{{- define "dra-driver-cpu.workloads" -}}
{{- $fullname := include "dra-driver-cpu.fullname" . -}}
{{- $base := include "dra-driver-cpu.driverConfig" . | fromYaml -}}
{{- $selector := merge (dict) (.Values.nodeSelector | default dict) (dict "kubernetes.io/os" "linux") -}}
{{- $affinity := .Values.affinity | default dict -}}
{{- $groups := .Values.nodeGroups | default list -}}
{{- include "dra-driver-cpu.checkNodeGroups" (dict "groups" $groups "nodeSelector" $selector) -}}
{{- $everyGroup := list -}}
{{- range $groups }}{{ $everyGroup = append $everyGroup .nodeSelector }}{{ end -}}
{{- $default := dict "name" $fullname "group" "" "config" $base "nodeSelector" $selector
      "affinity" (include "dra-driver-cpu.affinityOutside" (list $affinity $everyGroup) | fromYaml) -}}
{{- $workloads := list $default -}}
{{- $earlier := list -}}
{{- range $groups -}}
{{- $own := .nodeSelector -}}
{{- $rivals := list -}}
{{- range $earlier }}{{ if not (include "dra-driver-cpu.contradict" (list . $own)) }}{{ $rivals = append $rivals . }}{{ end }}{{ end -}}
{{- $workloads = append $workloads (dict
      "name" (printf "%s-%s" ($fullname | trunc (int (sub 62 (len .name))) | trimSuffix "-") .name)
      "group" .name
      "config" (include "dra-driver-cpu.overlay" (list $base .driverConfig) | fromYaml)
      "nodeSelector" (include "dra-driver-cpu.overlay" (list $selector $own) | fromYaml)
      "affinity" (include "dra-driver-cpu.affinityOutside" (list $affinity $rivals) | fromYaml)) -}}
{{- $earlier = append $earlier $own -}}
{{- end -}}
{{- range $workloads }}{{ include "dra-driver-cpu.checkConfig" . }}{{ end -}}
{{- toYaml $workloads -}}
{{- end -}}

{{/* The selector of a DaemonSet: (list CONTEXT WORKLOAD). The instance of a group is not that of the default DaemonSet, whose selector must not match its pods. */}}
{{- define "dra-driver-cpu.workloadSelector" -}}
{{- $context := first . -}}
{{- with (last .).group -}}
app.kubernetes.io/name: {{ include "dra-driver-cpu.name" $context }}
app.kubernetes.io/instance: {{ printf "%s_%s" ($context.Release.Name | trunc 22) . }}
dra.cpu/node-group: {{ . }}
dra.cpu/release: {{ $context.Release.Name }}
{{- else -}}
{{- include "dra-driver-cpu.selectorLabels" $context -}}
{{- end -}}
{{- end -}}

{{/* The configuration file of nodes that are in no group: driverConfig, over it the deprecated values of args. */}}
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

{{/* "true" if no node can have the labels of both selectors: (list SELECTOR SELECTOR). */}}
{{- define "dra-driver-cpu.contradict" -}}
{{- $other := last . -}}
{{- $found := "" -}}
{{- range $key, $value := first . -}}
{{- if and (hasKey $other $key) (ne (get $other $key) $value) }}{{ $found = "true" }}{{ end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{/* "true" if every node with the labels of the first selector has those of the second: (list SELECTOR SELECTOR). */}}
{{- define "dra-driver-cpu.isWithin" -}}
{{- $inner := first . -}}
{{- $missing := "" -}}
{{- range $key, $value := last . -}}
{{- if ne (toString (get $inner $key)) $value }}{{ $missing = "true" }}{{ end -}}
{{- end -}}
{{- if not $missing -}}true{{- end -}}
{{- end -}}

{{/* Fails for groups of the same name, for groups without nodes and for groups of which one contains the other. */}}
{{- define "dra-driver-cpu.checkNodeGroups" -}}
{{- $common := .nodeSelector -}}
{{- $earlier := list -}}
{{- range $group := .groups -}}
{{- if include "dra-driver-cpu.contradict" (list $group.nodeSelector $common) -}}
{{- fail (printf "Cannot use nodeGroups: no node can be in group %q, because its nodeSelector contradicts the nodeSelector of the chart" $group.name) -}}
{{- end -}}
{{- $labels := merge (dict) $group.nodeSelector $common -}}
{{- range $earlier -}}
{{- if eq .name $group.name -}}
{{- fail (printf "Cannot use nodeGroups: the name %q is used twice; give each group its own name" .name) -}}
{{- end -}}
{{- if or (include "dra-driver-cpu.isWithin" (list $labels .labels)) (include "dra-driver-cpu.isWithin" (list .labels $labels)) -}}
{{- fail (printf "Cannot use nodeGroups: the nodeSelectors of groups %q and %q overlap, because one selects all nodes of the other; select each node once" .name $group.name) -}}
{{- end -}}
{{- end -}}
{{- $earlier = append $earlier (dict "name" $group.name "labels" $labels) -}}
{{- end -}}
{{- end -}}

{{/*
An affinity that keeps off the nodes that a selector of the list selects: (list AFFINITY SELECTORS). A node is outside of
{a: x, b: y} if its label a is not x or its label b is not y (NotIn matches nodes without the label, too). Terms of a node
selector are alternatives, and so each is repeated once per label.
*/}}
{{- define "dra-driver-cpu.affinityOutside" -}}
{{- $affinity := deepCopy (first .) -}}
{{- $required := "requiredDuringSchedulingIgnoredDuringExecution" -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- $terms := (get $node $required | default dict).nodeSelectorTerms | default (list dict) -}}
{{- range $selector := last . -}}
{{- $next := list -}}
{{- range $term := $terms -}}
{{- range $key, $value := $selector -}}
{{- $next = append $next (include "dra-driver-cpu.termWithout" (list $term $key $value) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- $terms = $next -}}
{{- if gt (len $terms) 256 -}}
{{- fail "Cannot use nodeGroups: the nodes of no group take more than 256 terms of node affinity; use one label per group" -}}
{{- end -}}
{{- end -}}
{{- if last . -}}
{{- $_ := set $node $required (dict "nodeSelectorTerms" $terms) -}}
{{- $_ := set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}

{{/* A term of a node selector that excludes the nodes with a label: (list TERM KEY VALUE). */}}
{{- define "dra-driver-cpu.termWithout" -}}
{{- $key := index . 1 -}}
{{- $value := index . 2 -}}
{{- $term := deepCopy (first .) -}}
{{- $expressions := list -}}
{{- $isMerged := false -}}
{{- range $term.matchExpressions -}}
{{- if and (eq .key $key) (eq .operator "NotIn") -}}
{{- $expressions = append $expressions (dict "key" $key "operator" "NotIn" "values" (append .values $value | uniq)) -}}
{{- $isMerged = true -}}
{{- else -}}
{{- $expressions = append $expressions . -}}
{{- end -}}
{{- end -}}
{{- if not $isMerged -}}
{{- $expressions = append $expressions (dict "key" $key "operator" "NotIn" "values" (list $value)) -}}
{{- end -}}
{{- set $term "matchExpressions" $expressions | toYaml -}}
{{- end -}}
