# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Builds tern.ko for the selected kernel, aside from the tree, so that builds
# for several kernels do not meet. Sourced.

# Two runs in one tree take turns at building.
lock_build() {
	mkdir -p "$tree/build" && exec {build_lock}>"$tree/build/.lock" &&
		flock "$build_lock"
}

unlock_build() {
	exec {build_lock}>&-
}

# link_sources DIR: a copy of the module's sources, made of symbolic links
link_sources() {
	mkdir -p "$1/selftests" &&
	cp -rs --remove-destination "$tree"/Kbuild "$tree"/module \
		"$tree"/include "$tree"/examples "$1/" &&
	cp -rs --remove-destination "$tree"/selftests/kunit "$1/selftests/" &&
	find "$1" -xtype l -delete	# sources that are no more
}

# built_modules [TEST]...: those below $module_build for which find's tests hold
built_modules() {
	find "$module_build" -path "$module_build/root" -prune -o \
		-name '*.ko' "$@" -print
}

# build_module: leaves tern.ko in $module_build, and in $module_tree a
# /lib/modules/RELEASE for the test machine that has it, so that modprobe and
# the kernel's requests for it work as on a machine where it is installed; with
# the examples beside it, and tern_test.ko for a kernel that has KUnit
build_module() {
	local farm kunit='' link stamp

	module_build=$tree/build/$kernel_release
	farm=$module_build/root
	stamp=$farm/stamp
	module_tree=$farm/lib/modules/$kernel_release
	link_sources "$module_build" || return
	! grep -q '^CONFIG_KUNIT=' "$kernel_dir/config" || kunit=y
	make -s -C "$kernel_dir/build" M="$module_build" TERN_KUNIT=$kunit \
		-j "$(nproc)" modules || return

	if [ -e "$stamp" ] && [ -z "$(built_modules -newer "$stamp")" ] &&
	   [ "$module_tree/kernel" -ef "$kernel_dir/modules/kernel" ]; then
		return
	fi
	rm -rf "$farm"
	mkdir -p "$module_tree/updates"
	for link in "$kernel_dir"/modules/{kernel,modules.order,modules.builtin*}; do
		ln -s "$link" "$module_tree/"
	done
	built_modules -exec cp {} "$module_tree/updates/" \; &&
	depmod -b "$farm" "$kernel_release" && touch "$stamp"
}
