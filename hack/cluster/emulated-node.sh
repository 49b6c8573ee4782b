#!/bin/bash
# emulated-node.sh ARCHIVE...: runs in an emulated machine: network, containerd with the images of the archives, kubelet. Files
# of the host are read in place; what is written stays in the machine's memory. Outputs go to /run/share.
. "$(dirname "$(readlink -f "$0")")/common.sh"

hostname "$NODE"
ip link set lo up
ip address add "$NODE_ADDRESS/30" dev eth0
ip link set eth0 up
ip route add default via "$CLUSTER_GATEWAY"
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
for archive in "$STATE/busybox.tar" "$@"; do
  "$PACKAGES/usr/bin/ctr" --address "$CRI_SOCKET" --namespace k8s.io images import --local "$archive"
done
"$HERE/components.sh" start kubelet
