# SPDX-License-Identifier: GPL-2.0
"""The programs that stand in a page of Documentation/"""
import os
import re
import textwrap

_DOCUMENTATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Documentation")


def path(page):
    return os.path.join(_DOCUMENTATION, page)


def programs(page):
    """{name: text}; the name stands in the first line of each"""
    with open(path(page), encoding="utf-8") as file:
        blocks = re.findall(r"(?m)^\.\. code-block:: \w+\n\n((?:    .*\n|\n)+)", file.read())
    return {re.search(r"[\w.]+\.\w+", text.split("\n")[0]).group(): text
            for text in map(textwrap.dedent, blocks)}


def outputs(page):
    """What the page says its programs print, in order"""
    with open(path(page), encoding="utf-8") as file:
        return [textwrap.dedent(text).strip() + "\n" for text in
                re.findall(r"(?m)^prints ::\n\n((?:    .*\n)+)", file.read())]
