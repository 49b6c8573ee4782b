#!/bin/bash
# Ends the cluster and removes everything it left: processes, cgroups, settings of the kernel, files but the packages.
. "$(dirname "$(readlink -f "$0")")/common.sh"

is_gone() { ! init_pid; }
if pid=$(init_pid); then
  kill -9 "$pid"
  wait_until 30 "the end of process $pid" is_gone
  # The kernel takes the first away with the namespaces, but not at once.
  for link in dracpu0 dracpu1; do ip link delete "$link" 2>/dev/null || true; done
fi
if [ -s "$STATE/sysctl" ]; then sysctl -q -p "$STATE/sysctl"; fi
remove_cgroups() {
  for parent in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ ! -d "$parent/kubepods" ] || find "$parent/kubepods" -depth -type d -exec rmdir {} + || return
  done
}
wait_until 30 "the end of every container" remove_cgroups
rm -rf "$STATE"
