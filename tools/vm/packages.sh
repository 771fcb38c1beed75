# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Installs, by name, what the host lacks. Sourced by the scripts beside it.

# One package a line: group, package, what shows that it is there (a command or
# a path, * allowed), what it is for.
tern_packages='
build   gcc                 gcc                         compiles the tools and tests
build   gcc-12              x86_64-linux-gnu-gcc-12     compiles modules for the Debian 12 kernels
build   libc6-dev           /usr/include/stdio.h        C headers
build   make                make                        builds everything
build   linux-libc-dev      /usr/include/linux/in6.h    kernel headers for programs
build   libelf1             /usr/lib/*/libelf.so.1      used by the kernel build tools
build   libbpf-dev          /usr/include/bpf/bpf.h      lets tern run reach static programs
build   libmnl-dev          /usr/include/libmnl/libmnl.h    lets tern ss ask the kernel
build   dwarves             pahole                      adds type information to the module
build   kmod                depmod                      lists module dependencies
vm      qemu-system-x86     qemu-system-x86_64          runs the test machine
vm      busybox-static      dpkg                        first program in the test machine
vm      python3             /usr/bin/python3            watches the test machine
vm      xz-utils            xz                          unpacks kernels
vm      zstd                zstd                        unpacks kernels
vm      kmod                modprobe                    loads modules in the test machine
vm      iproute2            ip                          sets up networks in the test machine
check   linux-source-6.12   /usr/src/linux-source-6.12.tar.xz   holds the kselftest library
check   libssl-dev          /usr/include/openssl/ssl.h  builds a test of the kernel itself
check   libnuma-dev         /usr/include/numa.h         builds a test of the kernel itself
check   python3             /usr/bin/python3            runs the tests written in Python
check   python3-scapy       /usr/lib/python3/dist-packages/scapy/packet.py  builds segments in another way
check   procps              sysctl                      used by the kselftest library
check   iputils-ping        ping                        used by the tests
check   jq                  jq                          used by the kselftest library
debug   linux-source-6.12   /usr/src/linux-source-6.12.tar.xz   source of the debug kernel
debug   gcc                 gcc                         builds the debug kernel
debug   make                make                        builds the debug kernel
debug   bc                  bc                          builds the debug kernel
debug   bison               bison                       builds the debug kernel
debug   flex                flex                        builds the debug kernel
debug   libelf-dev          /usr/include/libelf.h       builds the debug kernel
debug   libssl-dev          /usr/include/openssl/ssl.h  builds the debug kernel
debug   ccache              ccache                      makes the next build of it quick
fuzz    clang               clang                       builds the fuzzer
fuzz    libclang-rt-14-dev  /usr/lib/llvm-14/lib/clang/14*/lib/linux/libclang_rt.fuzzer-x86_64.a   runs the fuzzer
lint    linux-source-6.12   /usr/src/linux-source-6.12.tar.xz   holds checkpatch
lint    perl                /usr/share/perl/5*/Term/ANSIColor.pm    runs checkpatch
lint    sparse              sparse                      checks types and contexts
lint    shellcheck          shellcheck                  checks the shell scripts
'

say() {
	echo "tern: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# quietly WHAT COMMAND...: the command's output is shown only when it fails.
quietly() {
	local what=$1 log rc=0

	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1 || rc=$?
	if [ $rc -ne 0 ]; then
		cat "$log" >&2
		say "$what failed"
	fi
	rm -f "$log"
	return $rc
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root, and there is no sudo to run: $*"
	fi
}

package_is_there() {
	local package=$1 proof=$2

	case $proof in
	dpkg)	dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' ;;
	/*)	compgen -G "$proof" >/dev/null ;;
	*)	PATH=$PATH:/usr/sbin:/sbin command -v "$proof" >/dev/null ;;
	esac
}

apt_update() {
	say "updating apt's package lists"
	quietly "apt-get update" as_root apt-get -q update
}

apt_install() {
	# noninteractive: a package's questions would stop an unattended run
	quietly "apt-get install" as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y -o DPkg::Lock::Timeout=600 \
		--no-install-recommends "$@"
}

# unpack_packages DIR NAME[=VERSION]...: fetched and unpacked, not installed
unpack_packages() (
	mkdir -p "$1" && dir=$(realpath "$1") || exit
	shift
	tmp=$(mktemp -d) || exit
	trap 'rm -rf "$tmp"' EXIT
	cd "$tmp" || exit
	# The sandbox user cannot write to a directory of ours.
	quietly "apt-get download $*" \
		apt-get -q -o APT::Sandbox::User=root download "$@" || exit
	for package in *.deb; do
		dpkg -x "$package" "$dir" || exit
	done
)

# need GROUP...: installs the missing packages of these groups.
need() {
	local group package proof why missing=() reasons=()

	while read -r group package proof why; do
		[[ -n $group && " $* " == *" $group "* ]] || continue
		[[ " ${missing[*]} " == *" $package "* ]] && continue
		package_is_there "$package" "$proof" && continue
		missing+=("$package")
		reasons+=("$package ($why)")
	done <<<"$tern_packages"
	[ ${#missing[@]} -gt 0 ] || return 0

	if ! command -v apt-get >/dev/null; then
		say "this host is not Debian, so these cannot be installed for you:"
		printf 'tern:   %s\n' "${reasons[@]}" >&2
		die "install what they stand for, and try again"
	fi
	for package in "${reasons[@]}"; do
		say "installing $package"
	done
	compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt_update ||
		exit 1
	apt_install "${missing[@]}" && return
	# lists older than the archive name files that are gone
	if ! apt_update || ! apt_install "${missing[@]}"; then
		die "cannot install: ${missing[*]}"
	fi
}
