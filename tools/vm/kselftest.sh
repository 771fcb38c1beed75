# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's own kselftest library and tests of sockets, and checkpatch,
# unpacked from Debian's linux-source-6.12 into the cache. Sourced, after
# kernels.sh.

# unpack_source NAME MEMBER...: members of the source, or patterns for them, into
# $cache/NAME, once for each version of the package: other members, another name
unpack_source() {
	local dir=$cache/$1 version

	shift
	version=$(dpkg-query -W -f '${Version}' linux-source-6.12 2>/dev/null)
	if [ -e "$dir/version" ] && [ "$(cat "$dir/version")" = "$version" ]; then
		return
	fi
	say "unpacking ${dir##*/} from linux-source-6.12"
	rm -rf "$dir.new" && mkdir -p "$dir.new" &&
	tar -x -f /usr/src/linux-source-6.12.tar.xz -C "$dir.new" \
		--strip-components=1 --wildcards --no-wildcards-match-slash \
		"${@/#/linux-source-6.12/}" &&
	echo "$version" >"$dir.new/version" &&
	rm -rf "$dir" && mv "$dir.new" "$dir"
}

# kselftest_library: sets KSFT_DIR
kselftest_library() {
	local at=tools/testing/selftests

	need check
	unpack_source kselftest-6.12-net $at/lib.mk $at/kselftest \
		$at/kselftest.h $at/kselftest_harness.h $at/net/lib.sh \
		$at/net/lib "$at/net/*.c" $at/net/mptcp/mptcp_connect.c \
		include/uapi/linux/net_tstamp.h tools/include/uapi || exit 1
	export KSFT_DIR=$cache/kselftest-6.12-net/$at
}
