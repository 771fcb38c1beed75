# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Real programs to test with, unpacked from Debian's packages into the cache.
# They are not installed: a server's package would start it on this host. The
# test machine lays them over the host's file system. Sourced, after kernels.sh.

tern_programs=(apache2-utils curl git iperf3 libpython3.11-testsuite nginx-light nodejs
	openssh-client openssh-server postgresql-15 redis-server rsync socat)

# missing_packages: the programs and what they need, but what the host has
missing_packages() {
	LC_ALL=C apt-get install -s --no-install-recommends \
		"${tern_programs[@]}" 2>/dev/null |
		sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p'
}

# merge_usr DIR: /bin, /sbin and /lib are links into /usr on the host
merge_usr() {
	local part

	for part in bin sbin lib lib64; do
		[ -d "$1/$part" ] || continue
		mkdir -p "$1/usr/$part" && cp -a "$1/$part/." "$1/usr/$part/" &&
			rm -r "${1:?}/$part" || return
	done
}

# fetch_programs NAME=VERSION...: makes the tree anew
fetch_programs() {
	local new=$programs_dir.new

	say "fetching programs to test with: $# packages"
	rm -rf "$new"
	mkdir -p "$new" &&
	{ [ $# = 0 ] || unpack_packages "$new" "$@"; } &&
	merge_usr "$new" &&
	echo "$*" >"$new/packages" &&
	rm -rf "$programs_dir" && mv "$new" "$programs_dir"
}

# update_programs: the tree as it should be; descriptor 9 is a lock
update_programs() {
	local packages

	flock 9
	compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt_update || exit 1
	# Asking apt takes seconds: only when something has been installed.
	[ "$programs_dir/packages" -nt /var/lib/dpkg/status ] && return
	mapfile -t packages < <(missing_packages | sort)
	if [ -e "$programs_dir/packages" ] &&
		[ "${packages[*]}" = "$(cat "$programs_dir/packages")" ]; then
		touch "$programs_dir/packages"
		return
	fi
	fetch_programs "${packages[@]}" && return
	# lists older than the archive name files that are gone
	apt_update || exit 1
	mapfile -t packages < <(missing_packages | sort)
	fetch_programs "${packages[@]}" || die "cannot fetch the programs to test with"
}

# find_programs: sets programs_dir to a tree with the programs in it
find_programs() {
	programs_dir=$cache/programs
	mkdir -p "$cache" && update_programs 9>"$cache/programs.lock"
}
