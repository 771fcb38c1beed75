# SPDX-License-Identifier: GPL-2.0
"""OpenSSH, and rsync over it and over its own protocol"""
import os
import subprocess

PORT, RSYNC_PORT = 2222, 8730
# what takes an emulated machine least
QUICK = ("-o", "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=aes128-ctr")
CONFIGURATION = """
Port {port}
ListenAddress {address}
HostKey {directory}/host
PidFile none
AuthorizedKeysFile {directory}/user.pub
StrictModes no
PermitRootLogin yes
UsePAM no
Subsystem sftp internal-sftp
"""
MODULE = """
use chroot = no
[files]
path = {directory}/files
read only = yes
"""


def user_of_sshd():
    """What the package would have done"""
    os.makedirs("/run/sshd", exist_ok=True)
    with open("/etc/passwd", encoding="utf-8") as file:
        if "\nsshd:" in file.read():
            return
    with open("/etc/passwd", "a", encoding="utf-8") as file:
        file.write("sshd:x:22222:65534::/run/sshd:/usr/sbin/nologin\n")


def sshd(place):
    user_of_sshd()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place.path(name)],
                       check=True)
    configuration = CONFIGURATION.format(port=PORT, address=place.server,
                                         directory=place.directory)
    place.serve("/usr/sbin/sshd", "-D", "-e", "-f", place.write("sshd_config", configuration),
                port=PORT)
    return ("ssh", "-F", "none", "-p", str(PORT), "-l", "root", "-i", place.path("user"),
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={place.path('known')}",
            "-o", "LogLevel=ERROR", *QUICK)


def tree(place):
    for name in ("a", "b/c", "b/d"):
        place.write(f"files/{name}", os.urandom(200000))
    place.write("files/empty", b"")


def shell(place):
    ssh = (*sshd(place), place.server)
    content = os.urandom(500000)
    assert place.run(*ssh, "cat", input=content) == content
    return place.text(*ssh, "echo out; echo err >&2; exit 7", status=7)


def same(place, name):
    return subprocess.run(["diff", "-r", place.path("files"), place.path(name)],
                          capture_output=True, check=False, text=True).stdout


def rsync_over_ssh(place):
    tree(place)
    ssh, source = " ".join(sshd(place)), f"{place.host}:{place.directory}/files/"
    place.run("rsync", "-a", "-e", ssh, source, "to/")
    assert same(place, "to") == ""
    # sends only what has changed
    place.write("files/a", os.urandom(1000))
    return place.text("rsync", "-ai", "-e", ssh, source, "to/"), same(place, "to")


def rsync_daemon(place):
    tree(place)
    configuration = place.write("rsyncd.conf", MODULE.format(directory=place.directory))
    place.serve("rsync", "--daemon", "--no-detach", f"--config={configuration}",
                f"--port={RSYNC_PORT}", f"--address={place.server}", port=RSYNC_PORT)
    url = f"rsync://{place.host}:{RSYNC_PORT}/files/"
    place.run("rsync", "-a", url, "to/")
    assert same(place, "to") == ""
    place.run("rsync", "-a", f"rsync://{place.host}:{RSYNC_PORT}/nothing/", "to/", status=5)
    return sorted(line.split()[-1] for line in place.text("rsync", "-r", url).splitlines())


CASES = (("ssh", shell), ("rsync over ssh", rsync_over_ssh), ("rsync://", rsync_daemon))
