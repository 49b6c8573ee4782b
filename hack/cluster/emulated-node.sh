#!/bin/bash
# Runs in an emulated machine: network, containerd, kubelet and the driver, whose arguments it takes. Files of the host are read
# in place; what is written stays in the machine's memory. Outputs go to /run/share.
export CLUSTER_NODE=machine CLUSTER_NODE_ADDRESS=10.101.0.1 CLUSTER_POD_SUBNET=10.99.0.0/24
. "$(dirname "$(readlink -f "$0")")/common.sh"

hostname "$NODE"
ip address add "$NODE_ADDRESS/32" dev lo
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo 1 >/proc/sys/net/ipv4/ip_forward
mkdir -p /run/nri /run/cdi
rm -f "$STATE"/*.pid
# An overlay cannot lie on an overlay, which the machine's root is.
for folder in "$STATE/containerd" /var/lib/kubelet /var/log; do mount -t tmpfs tmpfs "$folder"; done
mount --make-rshared /
rm -rf "$STATE/log"
ln -s /run/share "$STATE/log"

"$HERE/components.sh" start containerd
wait_until 120 "containerd" "$PACKAGES/usr/bin/ctr" --address "$CRI_SOCKET" version
"$PACKAGES/usr/bin/ctr" --address "$CRI_SOCKET" --namespace k8s.io images import --local "$STATE/busybox.tar"
"$HERE/components.sh" start kubelet
wait_until 120 "the kubelet" test -d /var/lib/kubelet/plugins_registry
setsid "$HERE/../../bin/dracpu" --kubeconfig="$STATE/kubeconfig" --hostname-override="$NODE" "$@" \
  >/run/share/dracpu.log 2>&1 </dev/null &
