#!/bin/bash
# First process of the cluster's namespaces. When it ends, everything in them ends.
. "$(dirname "$(readlink -f "$0")")/common.sh"

mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/nri /run/cdi /run/lock /run/netns
mount --bind "$STATE/kubelet" /var/lib/kubelet
mount --bind "$STATE/var-log" /var/log
hostname "$NODE"
ip link set lo up
ip address add "$SERVICE_ADDRESS/32" dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward
touch "$STATE/ready"
while :; do sleep infinity & wait $! || true; done
