#!/bin/bash
# Starts (or completes) a cluster of one node, without Docker: real Kubernetes components in network, mount and process
# namespaces of their own. Prints the environment for its users, to be evaluated by a shell. Needs root.
. "$(dirname "$(readlink -f "$0")")/common.sh"

[ "$(id -u)" = 0 ] || die "needs root, for namespaces and cgroups"
for component in kube-apiserver kube-scheduler kube-controller-manager kubelet kubectl; do
  [ -x "$KUBE_BIN/$component" ] || die "no $component in '$KUBE_BIN': set KUBE_BIN, or build it with $HERE/build-kubernetes.sh"
done
"$HERE/packages.sh"
mkdir -p "$STATE"/{log,kubelet,var-log} /var/lib/kubelet
mkdir -p -m 700 "$STATE/etcd"
"$HERE/certificates.sh"

seconds_since() { awk -v now="$EPOCHREALTIME" -v then="$1" 'BEGIN { printf "%.1f s", now - then }'; }
started=$EPOCHREALTIME
if ! init_pid >/dev/null; then
  # What the kubelet and the emulated node set for the whole machine, to be set back.
  [ -e "$STATE/sysctl" ] || sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops net.ipv4.ip_forward >"$STATE/sysctl"
  rm -f "$STATE"/*.pid "$STATE/ready"
  setsid unshare --mount --net --pid --uts --fork --mount-proc "$HERE/init.sh" >"$STATE/log/init.log" 2>&1 </dev/null &
  unshare_pid=$!
  wait_until 10 "the namespaces" test -e "$STATE/ready"
  tr -d ' ' <"/proc/$unshare_pid/task/$unshare_pid/children" >"$STATE/init.pid"
  ip link add dracpu0 type veth peer name eth0 netns "$(init_pid)"
  ip address add "$OUTSIDE_ADDRESS/30" dev dracpu0
  ip link set dracpu0 up
  inside ip address add "$NODE_ADDRESS/30" dev eth0
  inside ip link set eth0 up
  inside ip route add default via "$OUTSIDE_ADDRESS"
  for subnet in "$POD_SUBNET" "$SERVICE_ADDRESS"; do ip route add "$subnet" via "$NODE_ADDRESS"; done
fi
inside "$HERE/components.sh" start

export KUBECONFIG=$STATE/kubeconfig
wait_until 30 "containerd" inside "$PACKAGES/usr/bin/ctr" --address "$CRI_SOCKET" version
"$HERE/load-image.sh" "$("$HERE/busybox-image.sh")"

# Of an earlier start the node may still be called ready: only a younger heartbeat counts.
is_ready() {
  local status heartbeat
  read -r status heartbeat < <("$KUBE_BIN/kubectl" get node "$NODE" \
    -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{"\n"}{end}')
  [ "$status" = True ] && [ "$(date -d "$heartbeat" +%s)" -ge "${started%.*}" ]
}
is_untainted() { [ -z "$("$KUBE_BIN/kubectl" get node "$NODE" -o 'jsonpath={.spec.taints}')" ]; }
wait_until 60 "node $NODE" is_ready
echo "node $NODE is Ready after $(seconds_since "$started")" >&2
wait_until 30 "the removal of the node's taints" is_untainted
wait_until 30 "the service account" "$KUBE_BIN/kubectl" get serviceaccount default
"$KUBE_BIN/kubectl" label node "$NODE" node-role.kubernetes.io/worker= --overwrite >/dev/null
echo "pods can be scheduled after $(seconds_since "$started")" >&2
# Quoted, since the checkout and CLUSTER_DIR may have any name.
printf 'export %s=%q\n' KUBECONFIG "$KUBECONFIG" CLUSTER_DIR "$CLUSTER_DIR" KUBE_BIN "$KUBE_BIN" \
  DRACPU_E2E_TEST_IMAGE "$TEST_IMAGE" DRACPU_E2E_RESTART_COMMAND "$HERE/restart.sh" \
  DRACPU_E2E_AUDIT_LOG "$STATE/log/audit.jsonl"
