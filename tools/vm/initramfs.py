# SPDX-License-Identifier: GPL-2.0
"""The first root of the test machine: busybox, a few modules, our scripts."""

import lzma
import os
import stat

# What it takes to reach the host's file system; built in on some kernels.
BOOT_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


class Cpio:
    """An archive in the "newc" format (the kernel's
    Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def _pad(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0,
                  *device, len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields)
        self.data += encoded
        self._pad()
        self.data += content
        self._pad()

    def directory(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, content, mode=0o755):
        self.add(name, stat.S_IFREG | mode, content)

    def character_device(self, name, major, minor):
        self.add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def module_name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def in_load_order(moddir, wanted):
    """Paths of the wanted modules and all they depend on, dependencies first.

    A module that is not there is built into the kernel."""
    depends = {}
    with open(os.path.join(moddir, "modules.dep"), encoding="ascii") as dep:
        for line in dep:
            path, _, needs = line.partition(":")
            depends[path] = needs.split()
    path_of = {module_name(path): path for path in depends}
    order = []
    for name in wanted:
        if name not in path_of:
            continue
        path = path_of[name]
        # modules.dep lists what to load last first
        for need in [*reversed(depends[path]), path]:
            if need not in order:
                order.append(need)
    return [os.path.join(moddir, path) for path in order]


def read_module(path):
    if path.endswith(".xz"):
        with lzma.open(path) as module:
            return module.read()
    with open(path, "rb") as module:
        return module.read()


def build(moddir, files):
    """The archive; files is a dictionary of what the guest finds in /tern."""
    archive = Cpio()
    for name in ("bin", "dev", "proc", "sys", "tern", "modules"):
        archive.directory(name)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    with open("/bin/busybox", "rb") as busybox:
        archive.file("bin/busybox", busybox.read())

    names = []
    for path in in_load_order(moddir, BOOT_MODULES):
        names.append(module_name(path) + ".ko")
        archive.file("modules/" + names[-1], read_module(path))
    archive.file("modules/order", "".join(name + "\n" for name in names).encode())

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "init.sh"), "rb") as init:
        archive.file("init", init.read())
    for name, content in files.items():
        archive.file("tern/" + name, content.encode())
    return archive.finish()
