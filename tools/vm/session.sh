# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Second program of the test machine, on the host's programs: runs the job, and
# tells the host about it. What the host is told goes through the same pipe as
# the job's output, so that it cannot overtake it: a NUL, the run's token, text.

# shellcheck source=/dev/null
. /run/tern/settings
export PATH=$tree/tools/tern:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TERM=$terminal TERN_KERNEL_IMAGE=$kernel_image

busybox() {
	/run/tern/busybox "$@"
}

# Which of the ports is ours is known by name only.
for port in /sys/class/virtio-ports/*; do
	[ "$(<"$port/name")" = tern ] && out=/dev/${port##*/}
done

# A pipe, since a port can be opened only once, and programs open /dev/stderr.
mkfifo /run/tern/out
busybox cat /run/tern/out >"$out" &
exec 3>/run/tern/out

tell() {
	printf '\0%s %s\n' "$token" "$*" >&3
}

log() {
	echo "tern: $*" >/dev/kmsg
}

# The host takes a long silence for a hang.
heartbeat() {
	while busybox sleep 5; do
		tell ALIVE
	done
}

# A kernel that is stuck is not waited for; but for a minute it may be the host
# that was busy with other things. Where the kernel cannot panic of this, the
# host's deadline remains.
panic_when_stuck() {
	local name stall=/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout

	[ ! -w $stall ] || echo 60 >$stall
	# a soft lockup is twice that
	[ ! -w /proc/sys/kernel/watchdog_thresh ] ||
		echo 30 >/proc/sys/kernel/watchdog_thresh
	for name in softlockup_panic hung_task_panic panic_on_rcu_stall; do
		[ ! -w /proc/sys/kernel/$name ] || echo 1 >/proc/sys/kernel/$name
	done
}

load_module() {
	if ! modprobe tern; then
		dmesg | tail -n 5
		return 1
	fi
	[ ! -e /sys/kernel/debug/kmemleak ] ||
		echo clear >/sys/kernel/debug/kmemleak
}

# The last references go with the last timers and RCU callbacks.
unload_module() {
	local tries=0

	: >/run/tern/symbols
	[ -d /sys/module/tern ] || return 0
	grep -F '[tern]' /proc/kallsyms | sort >/run/tern/symbols
	[ ! -d /sys/module/tern_diag ] || rmmod tern_diag
	until rmmod tern 2>/dev/null; do
		tries=$((tries + 1))
		if [ $tries -ge 50 ]; then
			log "WARNING: tern cannot be unloaded," \
				"$(</sys/module/tern/refcnt) references are left"
			return 1
		fi
		busybox sleep 0.1
	done
}

# Two scans, since the first one leaves young objects alone.
find_leaks() {
	local file=/sys/kernel/debug/kmemleak

	[ -e $file ] || return 0
	echo scan >$file
	busybox sleep 6
	echo scan >$file
	# The module is gone: its functions, saved in order, are named here.
	awk -v symbols=/run/tern/symbols '
	FILENAME == symbols { address[++n] = "0x" $1; name[n] = $3; next }
	$NF ~ /^0x[0-9a-f]+$/ {
		for (i = n; i && address[i] > $NF; i--)
			;
		if (i)
			$0 = $0 " after " name[i] " [tern]"
	}
	{ print "kmemleak: " $0 }
	' /run/tern/symbols $file >/dev/kmsg
}

# The job as the leader of a session whose terminal is the console, for job
# control. The size is lost when the console is closed: so not before.
interactive_job() {
	# shellcheck disable=SC2016
	busybox setsid -c bash -c '
		. /run/tern/settings
		/run/tern/busybox stty rows "$rows" cols "$columns"
		echo "Linux $(uname -r) on a copy of this host; writes are lost."
		[ ! -d /sys/module/tern ] || echo "tern is loaded."
		echo "To leave: exit, or Ctrl-A x"
		. /run/tern/job
	' </dev/hvc0 >/dev/hvc0 2>&1
}

tell READY
log "the run begins"
echo 7 >/proc/sys/kernel/printk
panic_when_stuck
heartbeat &
status=1
if [ "$module" = 0 ] || load_module >&3 2>&3; then
	if [ "$interactive" = 1 ]; then
		interactive_job
	else
		bash /run/tern/job </dev/null >&3 2>&3
	fi
	status=$?
fi
if [ "$module" = 1 ]; then
	unload_module && find_leaks
fi
log "the run ends"
tell "EXIT $status $(</proc/sys/kernel/tainted)"
# The host ends the machine.
busybox sleep 60
busybox poweroff -f
