#!/bin/bash
# components.sh start|stop [NAME...]: runs inside the cluster's namespaces. Names: etcd apiserver containerd
# controller-manager scheduler kubelet. Process ids in $STATE/NAME.pid, output in $STATE/log/NAME.log.
. "$(dirname "$(readlink -f "$0")")/common.sh"

PKI=$STATE/pki
ALL=(etcd apiserver containerd controller-manager scheduler kubelet)

is_alive() { # a zombie is not
  local pid
  pid=$(cat "$STATE/$1.pid" 2>/dev/null) && grep -qs '^State:.[RSD]' "/proc/$pid/status"
}

# launch NAME COMMAND...
launch() {
  local name=$1
  shift
  setsid "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null &
  echo $! >"$STATE/$name.pid"
}

is_dead() { ! is_alive "$1"; }

stop() {
  ! is_alive "$1" || kill -"${SIGNAL:-TERM}" "$(cat "$STATE/$1.pid")"
  wait_until 30 "the end of $1" is_dead "$1"
}

answers() { [ "$(curl -sk --cert "$PKI/admin.crt" --key "$PKI/admin.key" "https://$API_ADDRESS/readyz")" = ok ]; }

start_etcd() {
  launch etcd "$PACKAGES/usr/bin/etcd" --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380
}

# The audit log names every call of a service account: it shows whether the driver's role is as small as it can be.
start_apiserver() {
  cat >"$STATE/audit-policy.yaml" <<POLICY
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata, userGroups: ["system:serviceaccounts:kube-system"]}, {level: None}]
POLICY
  launch apiserver "$KUBE_BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=443 \
    --advertise-address="$API_ADDRESS" --service-cluster-ip-range=10.96.0.0/24 \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-key-file="$PKI/service-account.pub" --service-account-signing-key-file="$PKI/service-account.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate="$PKI/admin.crt" --kubelet-client-key="$PKI/admin.key" \
    --kubelet-preferred-address-types=InternalIP --feature-gates="$FEATURE_GATES" \
    --runtime-config=resource.k8s.io/v1=true,resource.k8s.io/v1beta2=true,resource.k8s.io/v1beta1=true,resource.k8s.io/v1alpha3=true \
    --audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$STATE/log/audit.jsonl"
}

start_containerd() {
  mkdir -p "$STATE/containerd" "$STATE/cni"
  cat >"$STATE/cni/10-bridge.conflist" <<CNI
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
 "ipam": {"type": "host-local", "dataDir": "$STATE/cni-addresses", "ranges": [[{"subnet": "$POD_SUBNET"}]],
          "routes": [{"dst": "0.0.0.0/0"}]}}]}
CNI
  # restrict_oom_score_adj: where root may not lower it (no CAP_SYS_RESOURCE), runc would fail to start the sandbox.
  cat >"$STATE/containerd/config.toml" <<TOML
version = 3
root = '$STATE/containerd/root'
state = '/run/containerd'
disabled_plugins = ['io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs', 'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.erofs',
  'io.containerd.differ.v1.erofs']
[grpc]
  address = '$CRI_SOCKET'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '$TEST_IMAGE'
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
  enable_unprivileged_ports = false
  enable_unprivileged_icmp = false
  cdi_spec_dirs = ['/var/run/cdi']
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['$PACKAGES/usr/lib/cni']
    conf_dir = '$STATE/cni'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    runtime_path = '$PACKAGES/usr/bin/containerd-shim-runc-v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '$PACKAGES/usr/sbin/runc'
      SystemdCgroup = false
[plugins.'io.containerd.internal.v1.opt']
  path = '$STATE/containerd/opt'
[plugins.'io.containerd.nri.v1.nri']
  plugin_path = '$STATE/containerd/nri-plugins'
  plugin_config_path = '$STATE/containerd/nri-conf'
TOML
  launch containerd "$PACKAGES/usr/bin/containerd" --config "$STATE/containerd/config.toml"
}

start_controller-manager() {
  # With one identity for all controllers the node life cycle controller may not remove the not-ready taint. It does that when it
  # looks at nodes. Each controller asks for its identity at the start, by default twenty a second.
  launch controller-manager "$KUBE_BIN/kube-controller-manager" --kubeconfig="$STATE/kube-controller-manager.kubeconfig" \
    --leader-elect=false --use-service-account-credentials=true --bind-address=127.0.0.1 --root-ca-file="$PKI/ca.crt" \
    --node-monitor-period=1s --kube-api-qps=1000 --kube-api-burst=1000 \
    --service-account-private-key-file="$PKI/service-account.key" --feature-gates="$FEATURE_GATES"
}

start_scheduler() {
  launch scheduler "$KUBE_BIN/kube-scheduler" --kubeconfig="$STATE/kube-scheduler.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1 --feature-gates="$FEATURE_GATES"
}

# A process whose first thread has ended may hold its port for a moment more.
is_port_free() { ! (exec 3<>/dev/tcp/127.0.0.1/10250) 2>/dev/null; }

start_kubelet() {
  wait_until 30 "the kubelet's port" is_port_free
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-$NODE.crt
tlsPrivateKeyFile: $PKI/kubelet-$NODE.key
containerRuntimeEndpoint: unix://$CRI_SOCKET
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
evictionHard: {memory.available: 100Mi, nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: ""
logging: {verbosity: 3}
featureGates: {${FEATURE_GATES//=/: }}
YAML
  sed -i '/^featureGates/s/,/, /g' "$STATE/kubelet.yaml"
  launch kubelet "$KUBE_BIN/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet-$NODE.kubeconfig" \
    --hostname-override="$NODE" --node-ip="$NODE_ADDRESS"
}

start() {
  is_alive "$1" && return
  case $1 in controller-manager | scheduler | kubelet) wait_until 60 "the API server" answers ;; esac
  "start_$1"
}

action=$1
shift
[ $# -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
  [[ " ${ALL[*]} " = *" $name "* ]] || die "no component '$name'; one of: ${ALL[*]}"
  "$action" "$name"
done
