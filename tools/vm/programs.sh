# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Real programs to test with, unpacked from Debian's packages into the cache.
# They are not installed: a server's package would start it on this host. The
# test machine lays them over the host's file system. Sourced, after kernels.sh.

tern_programs='apache2-utils curl git iperf3 libpython3.11-testsuite nginx-light nodejs
	openssh-client openssh-server postgresql-15 redis-server rsync socat'

# missing_packages NAME...: these and what they need, but what the host has
missing_packages() {
	LC_ALL=C apt-get install -s --no-install-recommends "$@" 2>/dev/null |
		sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p'
}

# unpack_packages DIR NAME=VERSION...
unpack_packages() (
	dir=$1
	shift
	tmp=$(mktemp -d) || exit
	trap 'rm -rf "$tmp"' EXIT
	cd "$tmp" || exit
	# The sandbox user cannot write to a directory of ours.
	quietly "apt-get download" \
		apt-get -q -o APT::Sandbox::User=root download "$@" || exit
	for package in *.deb; do
		dpkg -x "$package" "$dir" || exit
	done
	# on the host these are links into usr
	for part in bin sbin lib lib64; do
		[ -d "$dir/$part" ] || continue
		mkdir -p "$dir/usr/$part" && cp -a "$dir/$part/." "$dir/usr/$part/" &&
			rm -r "${dir:?}/$part" || exit
	done
)

# update_programs: the tree as it should be; descriptor 9 is a lock
update_programs() {
	local packages wanted

	flock 9
	compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt_update || exit 1
	# Asking apt takes seconds: only when something has been installed.
	[ "$programs_dir/packages" -nt /var/lib/dpkg/status ] && return
	read -ra wanted <<<"$(xargs <<<"$tern_programs")"
	mapfile -t packages < <(missing_packages "${wanted[@]}" | sort)
	if [ -e "$programs_dir/packages" ] &&
		[ "${packages[*]}" = "$(cat "$programs_dir/packages")" ]; then
		touch "$programs_dir/packages"
		return
	fi
	say "fetching programs to test with: ${#packages[@]} packages"
	rm -rf "$programs_dir.new"
	mkdir -p "$programs_dir.new"
	if [ ${#packages[@]} -gt 0 ] &&
		! unpack_packages "$programs_dir.new" "${packages[@]}"; then
		# lists older than the archive name files that are gone
		apt_update || exit 1
		mapfile -t packages < <(missing_packages "${wanted[@]}" | sort)
		unpack_packages "$programs_dir.new" "${packages[@]}" ||
			die "cannot fetch the programs to test with"
	fi
	echo "${packages[*]}" >"$programs_dir.new/packages"
	rm -rf "$programs_dir"
	mv "$programs_dir.new" "$programs_dir"
}

# find_programs: sets programs_dir to a tree with the programs in it
find_programs() {
	programs_dir=$cache/programs
	mkdir -p "$cache" && update_programs 9>"$cache/programs.lock"
}
