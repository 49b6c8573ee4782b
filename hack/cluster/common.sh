# Sourced by every script of this folder: where things are, and how to get into the cluster's namespaces.
set -euo pipefail

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
CLUSTER_DIR=${CLUSTER_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/dracpu-cluster}
PACKAGES=$CLUSTER_DIR/packages # unpacked Debian packages, kept
STATE=$CLUSTER_DIR/state       # everything else; cluster-down removes it
KUBE_BIN=${KUBE_BIN:-$CLUSTER_DIR/kubernetes}

# The control plane's address is one end of a veth pair whose other end is outside, so that clients outside reach the API
# server and pods. That of the service "kubernetes" lies on the namespace's loopback interface: no kube-proxy is needed.
API_ADDRESS=10.101.0.2
OUTSIDE_ADDRESS=10.101.0.1
SERVICE_ADDRESS=10.96.0.1

# The node that the components are started for; the one beside the control plane unless said otherwise.
NODE=${CLUSTER_NODE:-node1}
NODE_ADDRESS=${CLUSTER_NODE_ADDRESS:-$API_ADDRESS}
POD_SUBNET=${CLUSTER_POD_SUBNET:-10.98.0.0/24}

# DRA itself and consumable capacity are on by default since 1.36; these two are not.
FEATURE_GATES=${FEATURE_GATES:-DRANodeAllocatableResources=true,DRAListTypeAttributes=true}

TEST_IMAGE=dracpu.local/busybox:1
CRI_SOCKET=$STATE/containerd/containerd.sock

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Process id, as seen from outside, of the cluster's first process, whichever checkout started it; fails when the cluster is not up.
init_pid() {
  local pid
  pid=$(cat "$STATE/init.pid" 2>/dev/null) || return 1
  grep -qs hack/cluster/init.sh "/proc/$pid/cmdline" && echo "$pid"
}

# Runs a command inside the cluster's namespaces.
inside() {
  local pid
  pid=$(init_pid) || die "the cluster is not up: run 'make cluster-up'"
  nsenter --target "$pid" --mount --net --pid --uts --wd="$PWD" -- "$@"
}

# wait_until SECONDS WHAT COMMAND...: polls; dies when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "waited in vain for $what; logs: $STATE/log"
    sleep 0.1
  done
}
