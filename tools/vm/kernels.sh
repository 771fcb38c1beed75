# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels to boot, unpacked from Debian's packages into the cache. Sourced.
#
# Each one is a directory $cache/kernels/NAME with
#	release		its name, as uname -r prints it
#	version		the version of the package it came from
#	vmlinuz		the image as packaged
#	vmlinux		the same, unpacked: boots faster (PVH), above all when
#			the processor is emulated
#	modules		/lib/modules/RELEASE
#	build		what external modules are built against

cache=${TERN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tern}

# apt_candidate PACKAGE: the version that apt would install, or nothing
apt_candidate() {
	LC_ALL=C apt-cache policy "$1" 2>/dev/null |
		sed -n 's/^  Candidate: //p' | grep -vx '(none)'
}

# fetch_package NAME[=VERSION] DIR: unpacks one package below DIR
fetch_package() {
	say "fetching $1"
	unpack_packages "$2" "$1"
}

# newest_release SERIES: the newest kernel of 6.12 or 6.1 that apt knows both
# as an image of the generic flavour and as headers
newest_release() {
	local release

	for release in $(apt-cache pkgnames "linux-headers-$1." |
		sed -nE 's/^linux-headers-([0-9.]+(-[0-9]+|\+deb[0-9]+)*-amd64)$/\1/p' |
		sort -rV); do
		[ -n "$(image_package "$release")" ] || continue
		[ -n "$(apt_candidate "linux-headers-$release")" ] || continue
		echo "$release"
		return
	done
	return 1
}

# image_package RELEASE: the package that holds the image, the signed one if
# there is one; both have the same contents
image_package() {
	local package

	for package in "linux-image-$1" "linux-image-$1-unsigned"; do
		if [ -n "$(apt_candidate "$package")" ]; then
			echo "$package"
			return
		fi
	done
}

# unpack_vmlinux VMLINUZ: the ELF file inside, to standard output. Offsets are
# those of the boot protocol (Documentation/arch/x86/boot.rst).
unpack_vmlinux() {
	local sectors offset length magic unpack

	field() { od -An -v -t "u$2" -j "$1" -N "$2" "$3" | tr -d ' '; }
	sectors=$(field 497 1 "$1")
	offset=$(field 584 4 "$1")
	length=$(field 588 4 "$1")
	offset=$(((sectors + 1) * 512 + offset))
	magic=$(od -An -v -t x1 -j $offset -N 4 "$1" | tr -d ' ')
	case $magic in
	fd377a58)	unpack="xz -dc" ;;
	28b52ffd)	unpack="zstd -dcq" ;;
	1f8b*)		unpack="gzip -dc" ;;
	*)		say "$1: unknown compression ($magic)"
			return 1 ;;
	esac
	# the last four bytes are the unpacked length
	tail -c +$((offset + 1)) "$1" | head -c $((length - 4)) | $unpack
}

# Modules that no test machine has a device for: most of the package. Without
# them depmod takes a second.
drop_unused_modules() {
	local drivers=$1/kernel/drivers dir

	for dir in "$drivers"/*; do
		case ${dir##*/} in
		block|char|net|ptp|vhost|virtio) ;;
		*) rm -rf "$dir" ;;
		esac
	done
	find "$drivers/net" -mindepth 1 -maxdepth 1 -type d \
		! -name bonding ! -name ipvlan ! -name netdevsim \
		! -name vxlan -exec rm -rf {} +
	rm -rf "$1/kernel/sound" "$1/kernel/net/bluetooth" \
		"$1/kernel/net/wireless" "$1/kernel/net/mac80211"
}

# fetch_kernel RELEASE VERSION: fills the cache from Debian's packages
fetch_kernel() {
	local release=$1 version=$2 dest=$cache/kernels/$1
	local new=$cache/kernels/.new-$1 package common kbuild

	rm -rf "$new"
	mkdir "$new" || return

	# "Depends: linux-headers-X-common (= V), linux-kbuild-Y (>= V), ..."
	common=$(apt-cache show "linux-headers-$release=$version" |
		grep -oE 'linux-headers-[^ ]+-common' | head -n 1)
	kbuild=$(apt-cache show "linux-headers-$release=$version" |
		grep -oE 'linux-kbuild-[^ ,]+' | head -n 1)
	for package in "$(image_package "$release")=$version" \
		"linux-headers-$release=$version" "$common=$version" \
		"$kbuild=$version"; do
		fetch_package "$package" "$new/root" || return
	done

	# Its only absolute path: make the tree work where it is.
	# shellcheck disable=SC2016
	sed -i 's,/usr/src/,$(dir $(lastword $(MAKEFILE_LIST)))../,' \
		"$new/root/usr/src/linux-headers-$release/Makefile" || return

	mv "$new/root/boot/vmlinuz-$release" "$new/vmlinuz" &&
	unpack_vmlinux "$new/vmlinuz" >"$new/vmlinux" || return
	mv "$new/root/boot/config-$release" "$new/config"
	drop_unused_modules "$new/root/lib/modules/$release"
	depmod -b "$new/root" "$release" || return
	ln -s "root/lib/modules/$release" "$new/modules"
	ln -s "root/usr/src/linux-headers-$release" "$new/build"
	rm -rf "$new/root/boot" "$new/root/usr/share"
	echo "$release" >"$new/release"
	echo "$version" >"$new/version"
	rm -rf "$dest"
	mv "$new" "$dest"
}

# cached_kernel SERIES: the newest one of a series in the cache
cached_kernel() {
	find "$cache/kernels" -mindepth 1 -maxdepth 1 -name "$1.*" |
		sort -V | tail -n 1
}

# find_stock_kernel SERIES: sets kernel_dir to the newest that apt offers, or
# to what is cached where nothing can be fetched
find_stock_kernel() {
	local series=$1 release version cached

	compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt_update
	release=$(newest_release "$series") &&
		version=$(apt_candidate "linux-headers-$release")
	kernel_dir=$cache/kernels/$release
	if [ -n "$release" ] && [ -e "$kernel_dir/version" ] &&
	   [ "$(cat "$kernel_dir/version")" = "$version" ]; then
		return
	fi
	cached=$(cached_kernel "$series")
	if [ -n "$release" ]; then
		fetch_kernel "$release" "$version" && return
		# gone from the archive: newer lists name its successor
		if apt_update && release=$(newest_release "$series"); then
			version=$(apt_candidate "linux-headers-$release")
			kernel_dir=$cache/kernels/$release
			fetch_kernel "$release" "$version" && return
		fi
	fi
	[ -n "$cached" ] ||
		die "apt knows no linux-image-$series for amd64 (Debian 12 has 6.1 and 6.12, with bookworm-security in its sources)"
	say "using the cached ${cached##*/}: apt offers nothing newer that can be had"
	kernel_dir=$cached
}

# stock_kernel SERIES: sets kernel_dir
stock_kernel() {
	local series=$1 release version cached

	# Asking apt takes seconds: only when its lists have changed.
	kernel_dir=$(readlink -f "$cache/kernels/newest-$series")
	if [ "$cache/kernels/newest-$series.checked" -nt /var/lib/apt/lists ] &&
	   [ -e "$kernel_dir/version" ]; then
		return
	fi
	find_stock_kernel "$series" || return
	ln -sfn "$kernel_dir" "$cache/kernels/newest-$series" &&
	touch "$cache/kernels/newest-$series.checked"
}

# select_kernel 6.12|6.1|debug: makes it available and sets
# kernel_dir and kernel_release
select_kernel() {
	local lock

	[ "$(uname -m)" = x86_64 ] ||
		die "the test machine needs an x86-64 host, this is $(uname -m)"
	mkdir -p "$cache/kernels" || exit 1
	exec {lock}>"$cache/kernels/.lock-$1"
	if ! flock -n "$lock"; then
		say "waiting for another run that is preparing this kernel"
		flock "$lock"
	fi
	case $1 in
	6.12|6.1) need vm build; stock_kernel "$1" ;;
	debug)	need vm build; debug_kernel ;;
	*)	die "KERNEL=$1: only 6.12, 6.1 and debug are known" ;;
	esac || exit 1
	exec {lock}>&-
	kernel_release=$(cat "$kernel_dir/release") || exit 1
}
