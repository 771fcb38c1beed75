# SPDX-License-Identifier: GPL-2.0
#
#	make [KDIR=...]		the module tern.ko and the program tools/tern/tern
#	make modules_install	the module, for the kernel of KDIR
#	make install		module, program, header and man pages
#	make check		all selftests in a virtual machine
#	make check-long		the tests that take an hour, likewise
#	make demo		see it work, in a virtual machine
#	make bench		TCP and Tern over the same path, in a virtual machine
#	make bench-paths	likewise on bad paths, and together on one
#	make vm			a shell in a virtual machine
#	make fuzz		five minutes of libFuzzer: options, scoreboard
#	make mutants		breaks the module in places: do the packet scripts notice?
#	make lint		checkpatch, sparse, extra warnings, shellcheck
#	make clean
#
#	KERNEL=6.12|6.1|debug	the kernel of the virtual machine
#	TESTS="connect bind"	what check runs, instead of everything
#	DESTDIR= PREFIX=	where install puts things
#	TERN_KUNIT=y		with tern_test.ko, the unit tests, for a kernel with KUnit

KDIR    ?= /lib/modules/$(shell uname -r)/build
PREFIX  ?= /usr/local
KERNEL  ?= 6.12
INSTALL ?= install

all: modules tool

modules: kdir
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tool:
	$(MAKE) -C tools/tern

kdir:
	@if [ ! -e $(KDIR)/Makefile ]; then \
		echo "tern: $(KDIR): no kernel headers there" >&2; \
		echo "tern: on Debian: sudo apt-get install linux-headers-$$(uname -r)" >&2; \
		echo "tern: or name those of another kernel: make KDIR=DIRECTORY" >&2; \
		echo "tern: to try Tern without any, in a virtual machine: make demo" >&2; \
		exit 1; \
	fi

# Where headers come without System.map, kbuild leaves out depmod. In a package
# being built it is not wanted.
modules_install: kdir
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install \
		$(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR))
	$(if $(DESTDIR),,depmod $$(cat $(KDIR)/include/config/kernel.release))

install: all modules_install
	$(MAKE) -C tools/tern install
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/include/linux
	$(INSTALL) -m 644 include/uapi/linux/tern.h $(DESTDIR)$(PREFIX)/include/linux/
	for page in Documentation/*.[1-9]; do \
		dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		$(INSTALL) -d $$dir && $(INSTALL) -m 644 $$page $$dir/ || exit 1; \
	done

check:
	@tools/vm/check --kernel $(KERNEL) $(TESTS)

check-long:
	@tools/vm/check --long --kernel $(KERNEL) $(or $(TESTS),differ kernel_tests.py real_programs.py)

demo:
	@tools/vm/run --kernel $(KERNEL) --module -- tools/demo/demo.sh

bench-paths:
	@tools/vm/run --kernel $(KERNEL) --module --timeout 3600 --name bench-paths -- \
		tools/bench/paths.py --json
	@grep '^\[' build/vm/bench-paths/output.log >build/bench-paths.json

bench:
	@tools/vm/run --kernel $(KERNEL) --module -- tools/bench/bulk.py

vm:
	@tools/vm/run --kernel $(KERNEL) --module --shell

fuzz:
	@tools/fuzz/run

mutants:
	@tools/mutants/run --kernel $(KERNEL)

lint:
	@tools/lint

# Without KDIR: kernel headers may be gone, or never have been there.
clean:
	@if [ -e $(KDIR)/Makefile ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	$(MAKE) -C tools/tern clean
	rm -rf build

export PREFIX DESTDIR

.PHONY: all modules tool kdir modules_install install check check-long demo bench bench-paths vm fuzz mutants lint clean
