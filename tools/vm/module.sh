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
	mkdir -p "$1" &&
	cp -rs --remove-destination "$tree"/Kbuild "$tree"/module \
		"$tree"/include "$tree"/examples "$1/" &&
	find "$1" -xtype l -delete	# sources that are no more
}

# build_module: leaves tern.ko in $module_build, and in $module_tree a
# /lib/modules/RELEASE for the test machine that has it, so that modprobe and
# the kernel's requests for it work as on a machine where it is installed
build_module() {
	local file farm newer

	module_build=$tree/build/$kernel_release
	farm=$module_build/root
	module_tree=$farm/lib/modules/$kernel_release
	link_sources "$module_build" || return
	make -s -C "$kernel_dir/build" M="$module_build" \
		-j "$(nproc)" modules || return

	newer=$(find "$module_build" -maxdepth 2 -name '*.ko' \
		-newer "$module_tree/updates/tern.ko" 2>&1)
	if [ -z "$newer" ] &&
	   [ "$module_tree/kernel" -ef "$kernel_dir/modules/kernel" ]; then
		return
	fi
	rm -rf "$farm"
	mkdir -p "$module_tree/updates"
	for file in "$kernel_dir"/modules/{kernel,modules.order,modules.builtin*}; do
		ln -s "$file" "$module_tree/"
	done
	cp "$module_build"/{,examples/}*.ko "$module_tree/updates/" &&
	depmod -b "$farm" "$kernel_release"
}
