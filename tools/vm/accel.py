# SPDX-License-Identifier: GPL-2.0
"""Whether KVM can be used, found out by using it."""

import os
import subprocess

PROBE_S = 3

# On some hosts /dev/kvm opens, and the guest then hangs or is emulated by the
# host kernel instruction by instruction. So a boot sector must count down from
# 2^28 and leave through the isa-debug-exit device within PROBE_S:
#	mov ecx, 1 << 28; 1: dec ecx; jnz 1b; mov al, 0x2a; out 0xf4, al; jmp $
BOOT_SECTOR = (bytes.fromhex("66b900000010" "6649" "75fc" "b02a" "e6f4" "ebfe")
               .ljust(510, b"\0") + b"\x55\xaa")
EXIT_STATUS = 0x2a << 1 | 1


def kvm_works(image):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with open(image, "wb") as file:
        file.write(BOOT_SECTOR)
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "kvm", "-m", "16", "-nodefaults",
         "-no-user-config", "-display", "none", "-net", "none",
         "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
         "-drive", f"file={image},format=raw,if=ide"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        return qemu.wait(PROBE_S) == EXIT_STATUS
    except subprocess.TimeoutExpired:
        return False
    finally:
        qemu.kill()
        qemu.wait()


def choose(cache, say):
    """"kvm" or "tcg". The answer holds until the host boots again."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot_id = file.read().strip()
    memory = os.path.join(cache, "kvm")
    try:
        with open(memory, encoding="ascii") as file:
            known, answer = file.read().split()
    except (OSError, ValueError):
        known = None
    if known != boot_id:
        answer = "kvm" if kvm_works(os.path.join(cache, "kvm.img")) else "tcg"
        with open(memory, "w", encoding="ascii") as file:
            file.write(f"{boot_id} {answer}\n")
    if answer == "tcg":
        say("KVM does not work here: the test machine is emulated, which is "
            "slower")
    return answer


def options(name):
    if name == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    # Left out: what makes emulation slower and nothing here needs; and cmpxchg16b,
    # after which QEMU 7.2 sometimes leaves flags that no processor has: the kernel's
    # allocator, which has another way, then ends in a double fault.
    return ["-accel", "tcg,thread=multi",
            "-cpu", "max,la57=off,smap=off,smep=off,pku=off,svm=off,cx16=off"]
