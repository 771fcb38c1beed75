# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The debug kernel, built once from Debian's linux-source-6.12 with the
# fragments in kernel/, and kept in the cache as the others are (kernels.sh,
# which is sourced before this). It depends on the source package, the
# fragments and the compiler: its directory is named after a hash of these.

debug_source=/usr/src/linux-source-6.12.tar.xz

debug_make() {
	# Fixed, so that ccache finds everything when it is built again
	nice -n 10 env CCACHE_DIR="$cache/ccache" CCACHE_BASEDIR="$PWD" \
		CCACHE_COMPILERCHECK=content CCACHE_MAXSIZE=2G \
		KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=tern \
		KBUILD_BUILD_HOST=tern \
		make -s -j "$(nproc)" CC="ccache gcc" HOSTCC="ccache gcc" "$@"
}

# Every option of the fragments must be in the result: one that kconfig dropped
# is misspelt, or lacks what it depends on.
check_config() {
	local option value wanted lost=0

	while IFS='=' read -r option value; do
		wanted="$option=$value"
		[ "$value" != n ] || wanted="# $option is not set"
		if [ "$value" = n ] && ! grep -q "^$option=" .config; then
			continue
		fi
		grep -qxF "$wanted" .config && continue
		say "the debug kernel's configuration lost $option=$value"
		lost=1
	done < <(grep -h '^CONFIG_' "$here"/kernel/*.config)
	return $lost
}

# build_debug_kernel DEST: in the current directory, the unpacked source
build_debug_kernel() {
	local dest=$1 release modules

	# in this order: the second one may overrule the first
	cat "$here/kernel/base.config" "$here/kernel/debug.config" >tern.config
	debug_make KCONFIG_ALLCONFIG=tern.config allnoconfig >/dev/null &&
	check_config &&
	debug_make bzImage modules || return

	release=$(cat include/config/kernel.release)
	modules=root/lib/modules/$release
	mkdir -p "$dest/$modules/kernel" &&
	ln -s "$modules" "$dest/modules" &&
	cp modules.order modules.builtin modules.builtin.modinfo \
		"$dest/modules/" &&
	depmod -b "$dest/root" "$release" &&
	strip -o "$dest/vmlinux" vmlinux &&
	cp arch/x86/boot/bzImage "$dest/vmlinuz" &&
	cp .config "$dest/config" &&
	echo "$release" >"$dest/release" &&
	debug_make run-command KBUILD_RUN_COMMAND="$PWD/scripts/package/install-extmod-build $dest/build"
}

# debug_kernel: sets kernel_dir, building it where it is not in the cache
debug_kernel() {
	local version key new build started

	need debug
	version=$(dpkg-query -W -f '${Version}' linux-source-6.12 2>/dev/null)
	key=$({ echo "$version"; gcc -dumpfullversion
		cat "$here"/kernel/*.config; } | sha256sum | head -c 12)
	kernel_dir=$cache/kernels/debug-$key
	[ ! -e "$kernel_dir/version" ] || return 0

	say "building the debug kernel, once: this takes 10 to 20 minutes"
	started=$SECONDS
	build=$cache/kernels/.build-debug
	new=$cache/kernels/.new-debug
	rm -rf "$build" "$new"
	mkdir -p "$build" "$new" || return
	tar -x -f "$debug_source" -C "$build" --strip-components=1 &&
	(cd "$build" && quietly "building the debug kernel" \
		build_debug_kernel "$new") || return
	echo "$version" >"$new/version"
	rm -rf "$build" "$kernel_dir"
	mv "$new" "$kernel_dir"
	say "the debug kernel is built, in $((SECONDS - started)) s"
}
