#!/bin/busybox sh
# The first process of the machine. Its root is the host's, read-only, below a layer in memory. It runs
# the program that the command line of the kernel names (run=), and switches the machine off.
busybox=/bin/busybox
for module in /modules/*; do $busybox insmod "$module"; done
$busybox mount -t proc proc /proc
for word in $($busybox cat /proc/cmdline); do
    case $word in run=*) run=${word#run=} ;; esac
done
$busybox umount /proc
$busybox mount -t virtiofs -o ro host /lower
$busybox mount -t tmpfs memory /memory
$busybox mkdir /memory/upper /memory/work
$busybox mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work overlay /root
$busybox mount -t proc proc /root/proc
$busybox mount -t sysfs sysfs /root/sys
$busybox mount -t devtmpfs dev /root/dev
$busybox mkdir /root/dev/shm
$busybox mount -t tmpfs shm /root/dev/shm
$busybox mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
$busybox ip link set lo up
cd /root
$busybox mount -o move . / # an engine that joins the mounts of a container gets what lies on /
$busybox chroot . $run
$busybox poweroff -f
