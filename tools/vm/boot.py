#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Boots a kernel in QEMU on the host's file system, runs one command in it, and
judges the run. Called by tools/vm/run, which has its options."""

import argparse
import fcntl
import os
import secrets
import select
import shlex
import struct
import subprocess
import sys
import termios
import time

import accel
import console
import initramfs

EMULATOR, TIMEOUT, TROUBLE, DIED = 123, 124, 125, 126
# A guest tells every 5 seconds that it is alive; its kernel panics when it is
# stuck for a minute (session.sh).
SILENCE_S = 120
# From the power button to the first command: 2.5 s for a stock kernel and 23 s
# for the debug kernel under emulation, on an idle host.
BOOT_S = 180


def say(text):
    print("tern: " + text, file=sys.stderr, flush=True)


class Messages:
    """Separates the guest's messages from the job's output in one stream."""

    def __init__(self, token):
        self.mark = b"\0" + token.encode() + b" "
        self.held = b""

    def feed(self, data):
        """Yields ("output", bytes) and ("message", words)."""
        data = self.held + data
        self.held = b""
        while data:
            start = data.find(b"\0")
            if start < 0:
                yield "output", data
                return
            if start > 0:
                yield "output", data[:start]
                data = data[start:]
            if data.startswith(self.mark):
                line, newline, rest = data.partition(b"\n")
                if not newline:
                    self.held = data
                    return
                yield "message", line[len(self.mark):].decode().split()
                data = rest
            elif self.mark.startswith(data):
                self.held = data
                return
            else:
                yield "output", data[:1]
                data = data[1:]


class Machine:
    """One QEMU process and what is known of its guest."""

    def __init__(self, args, job):
        self.args = args
        self.token = secrets.token_hex(8)
        self.console_log = os.path.join(args.dir, "console.log")
        self.status = None
        self.ready_s = None
        self.taint = 0
        self.fate = None
        self.qemu_status = None
        self._write_initramfs(job)

    def _settings(self):
        rows, columns = 24, 80
        if self.args.interactive:
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
            rows, columns = struct.unpack("HHHH", size)[:2]
        values = {
            "token": self.token,
            "tree": self.args.tree,
            "modules": os.path.realpath(self.args.modules),
            "module": int(self.args.module),
            "layer": int(self.args.layer is not None),
            "kernel_image": os.path.realpath(self.args.vmlinuz),
            "interactive": int(self.args.interactive),
            "terminal": os.environ.get("TERM", "dumb")
                        if self.args.interactive else "dumb",
            "rows": rows or 24,
            "columns": columns or 80,
        }
        return "".join(f"{name}={shlex.quote(str(value))}\n"
                       for name, value in values.items())

    def _write_initramfs(self, job):
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "session.sh"), encoding="utf-8") as file:
            session = file.read()
        # not compressed: unpacking takes longer than reading
        with open(os.path.join(self.args.dir, "initrd"), "wb") as file:
            file.write(initramfs.build(self.args.modules, {
                "settings": self._settings(), "session": session, "job": job}))

    def command(self, output):
        args = self.args
        layer = ["-virtfs", f"local,path={args.layer},mount_tag=layer,security_model=none,"
                            "readonly=on,id=layer"] if args.layer else []
        command = [
            # however this program ends, the machine does not outlive it
            "setpriv", "--pdeathsig", "KILL",
            "qemu-system-x86_64", "-name", "tern",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35,usb=off", "-m", str(args.memory),
            "-smp", str(args.cpus),
            *accel.options(args.accel),
            "-kernel", args.kernel,
            "-initrd", os.path.join(args.dir, "initrd"),
            "-append",
            "console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr "
            "random.trust_cpu=on tsc=reliable no_timer_check kunit.enable=1 " +
            args.append,
            "-serial", "file:" + self.console_log,
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,"
                       "readonly=on,multidevs=remap,id=host",
            *layer,
            "-device", "virtio-rng-pci",
            "-device", "virtio-serial-pci",
            "-chardev", f"file,id=out,path=/dev/fd/{output}",
            "-device", "virtserialport,chardev=out,name=tern",
        ]
        if args.interactive:
            command += ["-chardev", "stdio,id=tty,mux=on,signal=off",
                        "-device", "virtconsole,chardev=tty"]
        return command

    def run(self):
        """Runs the machine until its job is over or it is past help."""
        start = time.monotonic()
        deadline = start + self.args.timeout
        messages = Messages(self.token)
        heard = start
        reader, writer = os.pipe()
        with open(os.path.join(self.args.dir, "qemu.log"), "wb") as errors, \
             open(os.path.join(self.args.dir, "output.log"), "wb") as record:
            qemu = subprocess.Popen(
                self.command(writer), pass_fds=(writer,), stderr=errors,
                stdin=None if self.args.interactive else subprocess.DEVNULL,
                stdout=None if self.args.interactive else subprocess.DEVNULL)
            os.close(writer)
            tty = termios.tcgetattr(0) if self.args.interactive else None
            try:
                while self.status is None and self.fate is None:
                    silence = SILENCE_S if self.ready_s else BOOT_S
                    wait = min(deadline, heard + silence) - time.monotonic()
                    if wait <= 0:
                        self.fate = "timeout" if heard + silence > deadline \
                                    else "hang"
                        break
                    if not select.select([reader], [], [], wait)[0]:
                        continue
                    data = os.read(reader, 65536)
                    if not data:
                        self.fate = "died"
                        self.qemu_status = self._status_of(qemu)
                        break
                    heard = time.monotonic()
                    for kind, item in messages.feed(data):
                        if kind == "message":
                            self._hear(item, heard - start)
                        else:
                            record.write(item)
                            sys.stdout.buffer.write(item)
                    sys.stdout.flush()
                if self.status is not None:
                    self._wait_for_log()
            finally:
                qemu.kill()
                qemu.wait()
                os.close(reader)
                if tty:
                    termios.tcsetattr(0, termios.TCSADRAIN, tty)

    @staticmethod
    def _status_of(qemu):
        """How QEMU itself ended: 0 when the guest reset the machine"""
        try:
            return qemu.wait(5)
        except subprocess.TimeoutExpired:
            return None

    def _hear(self, words, after):
        if words[0] == "READY":
            self.ready_s = after
        elif words[0] == "EXIT":
            self.status = int(words[1])
            self.taint = int(words[2])

    def _wait_for_log(self):
        """The kernel prints to its console in its own time."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if console.is_complete(self.console_log):
                return
            time.sleep(0.01)

    def verdict(self):
        """The exit status of the run; says what there is to say."""
        report = console.first_report(self.console_log, self.taint)
        shown = os.path.relpath(self.console_log)
        if report:
            say(f"the kernel reported trouble (all of its log: {shown}):")
            print(report, file=sys.stderr)
        fault = console.emulators_fault(self.console_log)
        if fault and self.args.accel == "tcg":
            say(f"{fault} in that report is nothing that a processor can have: "
                "this was the emulator")
            return EMULATOR
        if self.fate == "timeout":
            say(f"the deadline of {self.args.timeout} s is over; log: {shown}")
            return TIMEOUT
        if self.fate == "hang":
            say(f"the test machine hangs: not a sign of life for "
                f"{SILENCE_S if self.ready_s else BOOT_S} s; log: {shown}")
            if not report:
                print(console.tail(self.console_log), file=sys.stderr)
            return TROUBLE if report else TIMEOUT
        if self.fate == "died":
            if self.args.interactive and self.ready_s and not report:
                return 0    # left with Ctrl-A x
            if not report:
                say(f"the test machine died (QEMU ended with {self.qemu_status}); "
                    f"the end of its log ({shown}):")
                print(console.tail(self.console_log), file=sys.stderr)
                with open(os.path.join(self.args.dir, "qemu.log"),
                          encoding="utf-8", errors="replace") as errors:
                    sys.stderr.write(errors.read())
            return TROUBLE if report else DIED
        return TROUBLE if report else self.status


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--vmlinuz", required=True)
    parser.add_argument("--modules", required=True)
    parser.add_argument("--tree", required=True)
    parser.add_argument("--layer")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--module", action="store_true")
    parser.add_argument("--interactive", action="store_true")
    parser.add_argument("--timeout", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--cpus", type=int, required=True)
    parser.add_argument("--accel", choices=("auto", "kvm", "tcg"),
                        default="auto")
    parser.add_argument("--append", default="")
    parser.add_argument("job", nargs="+")
    args = parser.parse_args()

    if args.accel == "auto":
        args.accel = accel.choose(args.cache, say)
    # The job's status is that of its command.
    job = f"cd {shlex.quote(os.getcwd())} || exit\n{shlex.join(args.job)}\n"
    machine = Machine(args, job)
    started = time.monotonic()
    machine.run()
    if machine.ready_s and not args.interactive:
        say(f"ready after {machine.ready_s:.1f} s, "
            f"{time.monotonic() - started:.1f} s in all ({args.accel})")
    return machine.verdict()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # nobody reads on: so not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
