#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tern nstat: what the counters have gained, and how the file of the last call
is used."""
import contextlib
import json
import os
import tempfile

from lib import doors, ktap
from lib.tool import begin, must_be, output, run


def connect():
    """One connection more"""
    with contextlib.closing(doors.open_socket("protocol", 4)) as listener, \
            contextlib.closing(doors.open_socket("protocol", 4)) as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client.connect(listener.getsockname())
        listener.accept()[0].close()


@contextlib.contextmanager
def remembering(name="history"):
    """nstat() as a function, with a file of its own"""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, name)
        environment = {**os.environ, "TERN_NSTAT_HISTORY": path}

        def nstat(*how):
            return json.loads(output("tern", "nstat", "-j", *how, env=environment))["tern"]

        yield nstat, path, environment


def gains():
    connect()
    with remembering() as (nstat, _, _):
        must_be(nstat("ActiveOpens"), {"ActiveOpens": 1})
        must_be(nstat("ActiveOpens"), {})
        must_be(nstat("-z", "ActiveOpens"), {"ActiveOpens": 0})
        connect()
        must_be(nstat("ActiveOpens", "PassiveOp*"), {"ActiveOpens": 1, "PassiveOpens": 1})


def without_remembering():
    with remembering() as (nstat, path, environment):
        before = nstat("-as").get("ActiveOpens", 0)
        assert not os.path.exists(path)
        must_be(output("tern", "nstat", "-n", env=environment), "")
        connect()
        for _ in range(2):
            must_be(nstat("-s", "ActiveOpens"), {"ActiveOpens": 1})
        must_be(output("tern", "nstat", "-s", "ActiveOpens", env=environment).split(),
                ["ActiveOpens", "1"])
        must_be(nstat("-as", "ActiveOpens"), {"ActiveOpens": before + 1})
        must_be(nstat("-rs", "ActiveOpens"), {"ActiveOpens": before + 1})


def loaded_anew():
    """A counter that has fallen: the file tells of another life of the module"""
    connect()
    with remembering() as (nstat, path, _):
        now = nstat("-z")
        with open(path, "w", encoding="ascii") as file:
            for name, value in now.items():
                file.write(f"{name} {value + 1}\n")
        must_be(nstat("-z"), now)


def not_trusted():
    """Not through what somebody else has put there"""
    with remembering() as (_, path, environment):
        os.symlink("/dev/null", path)
        must_be(run("tern", "nstat", env=environment).returncode, 1)
        os.unlink(path)
        with open(path, "w", encoding="ascii"):
            os.chown(path, 65534, 65534)
        result = run("tern", "nstat", env=environment)
        must_be(result.returncode, 1)
        assert "not a file of yours" in result.stderr, result


def main():
    begin()
    ktap.run([
        ("what they have gained", gains),
        ("-s -n -a -r", without_remembering),
        ("the module was loaded anew", loaded_anew),
        ("a file of somebody else", not_trusted),
    ])


if __name__ == "__main__":
    main()
