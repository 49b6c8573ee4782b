#!/bin/busybox sh
# First process of the emulated machine: loads modules and makes the host's root, read-only and under a layer of memory, its own.
B=/bin/busybox
$B mount -t devtmpfs dev /dev
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
for module in $($B cat /modules/list); do $B insmod /modules/$module.ko; done
$B mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose hostroot /lower
$B mount -t tmpfs -o mode=755 tmpfs /upper
$B mkdir /upper/files /upper/work
$B mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root
for directory in proc sys dev; do $B mount --move /$directory /root/$directory; done
$B mount -t tmpfs tmpfs /root/run
$B mkdir /root/run/share /root/run/host
# The host's files without the layer: agent.sh brings back what file systems of the machine hide.
$B mount --move /lower /root/run/host
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none share /root/run/share
exec $B switch_root /root /bin/sh /run/share/agent.sh
