#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# First program of the test machine, run by busybox from the initramfs: puts a
# writable overlay over the host's file system and makes that the root.

/bin/busybox --install -s /bin
PATH=/bin
# shellcheck source=/dev/null
. /tern/settings

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
echo 1 >/proc/sys/kernel/printk		# what happens before the run is not shown

while read -r module; do
	insmod "/modules/$module"
done </modules/order

fail() {
	echo "tern: $*" >/dev/kmsg
	poweroff -f
}

mkdir /host /layer /memory /new
mount_9p() {
	mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose "$1" "/$1"
}
mount_9p host || fail "cannot mount the host's file system"
lower=/host
# shellcheck disable=SC2154	# from the settings
if [ "$layer" = 1 ]; then
	mount_9p layer || fail "cannot mount what is laid over it"
	lower=/layer:/host
fi
mount -t tmpfs -o size=75% memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=$lower,upperdir=/memory/upper,workdir=/memory/work \
	overlay /new || fail "cannot mount the overlay"

mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount --move /dev /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /new/dev/pts
mount -t tmpfs shm /new/dev/shm
ln -sf /proc/self/fd /new/dev/fd
ln -sf /proc/self/fd/0 /new/dev/stdin
ln -sf /proc/self/fd/1 /new/dev/stdout
ln -sf /proc/self/fd/2 /new/dev/stderr
# The host's sockets and pid files mean nothing here.
mount -t tmpfs run /new/run
mkdir /new/run/netns /new/run/lock /new/run/tern
cp /tern/* /bin/busybox /new/run/tern/

# Kernels without one of these do without.
mount -t debugfs debugfs /new/sys/kernel/debug
mount -t tracefs tracefs /new/sys/kernel/tracing
mount -t cgroup2 cgroup /new/sys/fs/cgroup
mount -t bpf bpf /new/sys/fs/bpf

mkdir -p "/new/lib/modules/$(uname -r)"
mount --bind "/new$modules" "/new/lib/modules/$(uname -r)" ||
	fail "cannot mount the modules"
hostname tern
ip link set lo up

# Not chroot: the kernel's own call of modprobe must see the same root.
exec switch_root /new /bin/bash /run/tern/session
