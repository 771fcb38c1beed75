# SPDX-License-Identifier: GPL-2.0
"""git, over its own protocol"""
import os
import subprocess

PORT = 9418
AUTHOR = {name + what: value for name in ("GIT_AUTHOR_", "GIT_COMMITTER_")
          for what, value in (("NAME", "Tern"), ("EMAIL", "tern@example.org"),
                              ("DATE", "2000-01-01T00:00:00Z"))}


def clone(place):
    def git(*words):
        return subprocess.run(["git", "-C", place.path("base/one"), *words], check=True, text=True,
                              capture_output=True, env={**os.environ, **AUTHOR}).stdout

    place.write("base/one/large", os.urandom(500000))
    subprocess.run(["git", "init", "-q", place.path("base/one")], check=True, capture_output=True)
    for number in range(3):
        place.write("base/one/file", f"{number}\n" * 1000)
        git("add", "-A")
        git("commit", "-q", "-m", f"number {number}")
    place.serve("git", "daemon", "--export-all", f"--base-path={place.path('base')}",
                "--reuseaddr", f"--listen={place.server}", port=PORT)
    url = f"git://{place.host}"
    place.run("git", "clone", "-q", f"{url}/one", place.path("copy"))
    place.run("git", "-C", place.path("copy"), "fsck", "--strict")
    head = place.text("git", "-C", place.path("copy"), "rev-parse", "HEAD")
    assert head == git("rev-parse", "HEAD")
    assert place.text("git", "ls-remote", f"{url}/one", "HEAD").split()[0] == head.strip()
    place.run("git", "clone", "-q", f"{url}/none", place.path("none"), status=128)


CASES = (("clone", clone),)
