#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demo: a real file from one host to another over Tern, across a bad line.
#
# Two network namespaces are the hosts, a third one is the router between them,
# which delays, loses and reorders. The file is the running kernel's image. It
# goes once over the family AF_TERN on IPv6, sent by tern(8), and once over
# AF_INET with the protocol's number on IPv4, sent by a few lines of Python.
#
# Needs root, the tern module, and tern, ip, tc and python3 in the PATH.
# TERN_KERNEL_IMAGE names the file to send, TERN_COLOR=1 asks for colours.

set -euo pipefail

readonly here=${0%/*}
readonly image=${TERN_KERNEL_IMAGE:-/boot/vmlinuz-$(uname -r)}
readonly port=5000
readonly deadline=60			# seconds for one transfer
readonly mtu=4000			# 1500 is as good, but takes half a minute more
readonly netem="delay 10ms loss 1% reorder 1%"

readonly client4=10.0.1.2 server4=10.0.2.2
readonly client6=2001:db8:1::2 server6=2001:db8:2::2

readonly tracefs=/sys/kernel/tracing
readonly trace=$tracefs/instances/tern-demo

work=
mounted=
watcher=
namespaces=()
bold='' green='' red='' plain=''
if [ -t 1 ] || [ "${TERN_COLOR:-0}" = 1 ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

fail()
{
	echo "${red}demo: $*${plain}" >&2
	exit 1
}

# Everything that was made goes away, in whatever state it is.
cleanup()
{
	local status=$? ns pids

	trap - EXIT
	set +e
	[ "$status" = 0 ] || echo "${red}demo: failed${plain}" >&2
	for ns in "${namespaces[@]}"; do
		pids=$(ip netns pids "$ns")
		# shellcheck disable=SC2086 # a list
		[ -z "$pids" ] || kill -KILL $pids
		ip netns del "$ns"
	done
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null
	wait 2>/dev/null
	[ ! -d "$trace" ] || rmdir "$trace"
	[ -z "$mounted" ] || umount "$tracefs"
	[ -z "$work" ] || rm -rf "$work"
	exit "$status"
}

in_ns()
{
	ip netns exec "$@"
}

title()
{
	printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"
}

###############################################################################
# The network

add_host()
{
	ip netns add "$1"
	namespaces+=("$1")
	# Addresses are usable at once, without looking for duplicates.
	in_ns "$1" sh -c 'cd /proc/sys/net/ipv6/conf
		echo 0 > all/accept_dad; echo 0 > default/accept_dad'
	ip -n "$1" link set lo up
}

# A line from a host to the router. Super-segments are cut by the sender's
# device, so that the router loses packets and not 64 kilobytes at once.
add_line()
{
	local host=$1 n=$2

	ip -n router -batch - <<END
link add name $host type veth peer name eth0 netns $host
link set dev $host mtu $mtu gso_max_segs 1 up
address add 10.0.$n.1/24 dev $host
address add 2001:db8:$n::1/64 dev $host nodad
END
	ip -n "$host" -batch - <<END
link set dev eth0 mtu $mtu gso_max_segs 1 up
address add 10.0.$n.2/24 dev eth0
address add 2001:db8:$n::2/64 dev eth0 nodad
route add default via 10.0.$n.1
route add default via 2001:db8:$n::1
END
	# shellcheck disable=SC2086 # a list of words
	tc -n router qdisc add dev "$host" root netem $netem
}

build_network()
{
	add_host router
	in_ns router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
		echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
	add_host client
	add_line client 1
	add_host server
	add_line server 2

	cat <<END
  client  $client4  $client6
    |
  router  each way: 10 ms delay, 1 % of packets lost, 1 % overtaking; MTU $mtu
    |
  server  $server4  $server6
END
}

###############################################################################
# The states, as the module's tracepoint tells them
#
# The watcher is the only one that prints while a transfer runs: what others
# want to say, they write into the trace, which puts it in order.

start_tracing()
{
	if [ ! -d "$tracefs/instances" ]; then
		mount -t tracefs nodev "$tracefs"
		mounted=1
	fi
	[ ! -d "$trace" ] || rmdir "$trace"
	mkdir "$trace"
	echo mono > "$trace/trace_clock"
	echo 1 > "$trace/events/tern/tern_state/enable"
}

say_in_trace()
{
	echo "$1" > "$trace/trace_marker"
}

printf -v server_column '%33s' ''

# print_row MICROSECONDS TEXT
print_row()
{
	printf '  %2d.%03d  %s\n' $(($1 / 1000000)) $(($1 / 1000 % 1000)) "$2"
}

# Ends when both ends of the connection have come to theirs.
watch_states()
{
	local line time start='' what from state event next text
	local client_ended='' server_ended=''

	while read -r line; do
		[[ $line =~ \ ([0-9]+)\.([0-9]{6}):\ ([a-z_]+):\ (.*) ]] || continue
		time=$((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]}))
		what=${BASH_REMATCH[3]}
		text=${BASH_REMATCH[4]}
		start=${start:-$time}
		time=$((time - start))

		if [ "$what" = tracing_mark_write ]; then
			print_row "$time" "... $text"
			continue
		fi
		[ "$what" = tern_state ] || continue

		read -r from _ state event next <<< "$text"
		printf -v text '%-14s -> %s' "$event" "$next"
		if [ "${from##*:}" = "$port" ] || [ "$event" = OPEN_PASSIVE ]; then
			[ "$state" != LISTEN ] || [ "$event" != CLOSE ] ||
				text+=" (the listener)"
			print_row "$time" "$server_column$text"
			[ "$state $next" != "LAST_ACK CLOSED" ] || server_ended=1
		else
			print_row "$time" "$text"
			[ "$next" != TIME_WAIT ] || client_ended=1
		fi
		[ -z "$client_ended" ] || [ -z "$server_ended" ] || break
	done < "$trace/trace_pipe"
}

start_watching()
{
	printf '   %stime  %-31s  %s%s\n' "$bold" "client" "server" "$plain"
	watch_states &
	watcher=$!
}

###############################################################################
# The transfer

# A pause without a process: reading from a pipe that stays silent.
exec {silent}<> <(:)
pause()
{
	read -r -t 0.2 -u "$silent" || :
}

# wait_until SECONDS WHAT COMMAND...
wait_until()
{
	local end=$((SECONDS + $1)) what=$2

	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "$what: not within the time"
		pause
	done
}

listens()
{
	in_ns server tern ss -H -l -n | grep -q ":$port "
}

has_ended()
{
	! kill -0 "$1" 2>/dev/null
}

# Say when each quarter of the file has arrived; true when its sender has ended.
arrived=0
has_sent()
{
	local now

	now=$(stat -c %s "$2" 2>/dev/null || echo 0)
	if [ $((now * 4 / size)) -gt "$arrived" ] && [ "$now" -lt "$size" ]; then
		arrived=$((now * 4 / size))
		say_in_trace "$((arrived * 25)) % has arrived"
	fi
	has_ended "$1"
}

# What was lost and sent again since the beginning, as "NAME VALUE" lines.
counts()
{
	tc -n router -s qdisc show |
		awk '/^qdisc netem/ { dev = $5 }
		     dev && /^ Sent/ { print "lost_to_" dev, $7 + 0; dev = "" }'
	in_ns client tern nstat -asz OutSegs RetransSegs SackRecovery Timeouts |
		sed 's/^/client_/'
	in_ns server tern nstat -asz RetransSegs | sed 's/^/server_/'
}

report_counts()
{
	awk '	NR == FNR { before[$1] = $2; next }
		{ n[$1] = $2 - before[$1] }
		END {
			print "  lost by the router   " n["lost_to_server"] \
			      " packets to the server, " n["lost_to_client"] " to the client"
			print "  sent by the client   " n["client_OutSegs"] " segments, and " \
			      n["client_RetransSegs"] " of them again"
			print "                       (fast recoveries: " n["client_SackRecovery"] \
			      ", timeouts: " n["client_Timeouts"] ")"
			print "  sent by the server   " n["server_RetransSegs"] " segments again"
		}' "$1" "$2"
}

# compare FILE: is it what the client has?
compare()
{
	local copy

	copy=$(sha256sum < "$1")
	echo "  sha256 at the client ${sum%% *}"
	echo "  sha256 at the server ${copy%% *}"
	[ "$copy" = "$sum" ] || fail "the file that arrived is another one"
	echo "  ${green}the same${plain}"
}

# transfer COPY: run "${receive[@]}" at the server, "${send[@]}" at the client
transfer()
{
	local copy=$1 start end receiver sender

	counts > "$work/before"
	start_watching
	in_ns server "${receive[@]}" > "$work/receiver.log" 2>&1 &
	receiver=$!
	wait_until 10 "the server listens" listens

	start=${EPOCHREALTIME/./}
	in_ns client "${send[@]}" > "$work/sender.log" 2>&1 &
	sender=$!
	arrived=0
	wait_until "$deadline" "the client has sent it" has_sent "$sender" "$copy"
	end=${EPOCHREALTIME/./}
	wait "$sender" || fail "the client: $(cat "$work/sender.log")"
	wait_until 10 "the server ends" has_ended "$receiver"
	wait "$receiver" || fail "the server: $(cat "$work/receiver.log")"
	wait_until 10 "the last states" has_ended "$watcher"
	watcher=
	counts > "$work/after"

	echo
	awk -v bytes="$size" -v us=$((end - start)) 'BEGIN {
		printf "  sent                 %d bytes in %.1f s, %.2f MB/s\n",
		       bytes, us / 1e6, bytes / us }'
	report_counts "$work/before" "$work/after"
	compare "$copy"
}

# The program, without its licence, comments and imports.
show_program()
{
	sed -n '/^s = /,$s/^/    /p' "$here/$1"
}

over_the_family()
{
	local receive=(tern recv -o "$work/copy6" "$port")
	local send=(tern send "$image" "$server6" "$port")

	title "1. The family AF_TERN, over IPv6, with tern(8)"
	cat <<END
  server# tern recv -o copy $port
  client# tern send ${image##*/} $server6 $port

END
	transfer "$work/copy6"
}

over_the_protocol()
{
	local receive=(python3 "$here/recv.py" "$work/copy4" "$port")
	local send=(python3 "$here/send.py" "$image" "$server4" "$port")

	title "2. The protocol 253 of AF_INET, over IPv4, with plain Python"
	echo "  server# python3 recv.py copy $port"
	show_program recv.py
	echo
	echo "  client# python3 send.py ${image##*/} $server4 $port"
	show_program send.py
	echo
	transfer "$work/copy4"
}

[ "$(id -u)" = 0 ] || fail "must be run by root"
[ -r "$image" ] || fail "$image: cannot be read; name a file in TERN_KERNEL_IMAGE"
for program in tern ip tc python3; do
	[ -n "$(command -v $program)" ] || fail "$program: not in the PATH"
done
[ -d /sys/module/tern ] || modprobe tern || fail "the module tern is not loaded"

trap cleanup EXIT
trap 'exit 130' INT TERM
work=$(mktemp -d)

size=$(stat -c %s "$image")
sum=$(sha256sum < "$image")
title "Tern: ${image##*/}, $size bytes, from one host to another"
build_network
start_tracing
over_the_family
over_the_protocol
title "Both copies are what was sent, after $SECONDS seconds."
