#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The references of Documentation/protocol.rst: behind each MUST stands one, and
the tests that they name are there, as are the cases.

Nothing is run: whether a case covers what it stands behind only a reader can tell.
"""
import ast
import glob
import importlib
import os
import re

from lib import ktap, scenario

HERE = os.path.dirname(os.path.realpath(__file__))
PAGE = os.path.join(os.path.dirname(HERE), "Documentation", "protocol.rst")
REFERENCE = re.compile(r"\[([a-z]\w*(?:: [^\]]*)?)\]")
TEST = re.compile(r"^TEST(?:_F\w*\(\w+, |(?:_SIGNAL)?\()(\w+)", re.MULTILINE)
UNIT = re.compile(r"\bKUNIT_CASE\((\w+)\)")
# the names of tests begin in lower case, the titles of some scenarios do not
PART = re.compile(r"(?:([a-z]\w*): )?(.+)")


def paragraphs(text):
    """Each paragraph and each item of a list, in one line"""
    for block in re.split(r"\n\s*\n|\n(?=\s*\* )", text):
        yield " ".join(block.split())


def references(paragraph):
    """(test, case) of each; the case is None where the whole test is meant"""
    for match in REFERENCE.finditer(paragraph):
        test, colon, cases = match.group(1).partition(": ")
        if not colon:
            yield test, None
            continue
        for part in cases.split("; "):
            other, case = PART.fullmatch(part).groups()
            if other and sources(other):
                test = other
            else:
                case = part
            yield test, case


def sources(test):
    if test == "unit":
        return glob.glob(f"{HERE}/kunit/*.c")
    return [path for path in (f"{HERE}/{test}.py", f"{HERE}/{test}.c") if os.path.exists(path)]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def scenarios(test):
    """Registered when the script is imported: some in a loop, which only running it tells"""
    known = len(scenario.REGISTRY)
    importlib.import_module(test)
    return {case.name.partition(": ")[2] for case in scenario.REGISTRY[known:]}


def strings(path):
    """What a script prints as the names of its cases is somewhere among these"""
    return {node.value for node in ast.walk(ast.parse(read(path)))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}


class Names:
    """Of the cases of a test"""

    def __init__(self, test):
        paths = sources(test)
        assert paths, f"there is no test {test}"
        if test.startswith("wire_"):
            self.names, self.whole = scenarios(test), False
        elif paths[0].endswith(".py"):
            self.names, self.whole = strings(paths[0]), False
        else:
            pattern = UNIT if test == "unit" else TEST
            self.names = {name for path in paths for name in pattern.findall(read(path))}
            self.whole = True

    def has(self, case):
        """Names in C are given whole, titles by as many of their first words as it takes"""
        if self.whole:
            return case in self.names
        return any(re.match(re.escape(case) + r"(?!\w)", name) for name in self.names)


def each_must_has_one():
    """With a case, and behind it. The opening only says what MUST means."""
    musts = [text for text in paragraphs(read(PAGE))
             if re.search(r"\bMUST\b", text) and "RFC 2119" not in text]
    assert len(musts) > 30, f"{len(musts)} paragraphs with MUST"
    without = [text for text in musts
               if all(case is None for _, case in references(text[text.rindex("MUST"):]))]
    assert not without, "no reference behind: " + "\n".join(without)


def each_is_there():
    names, missing = {}, []
    for paragraph in paragraphs(read(PAGE)):
        for test, case in references(paragraph):
            if test not in names:
                names[test] = Names(test)
            if case is not None and not names[test].has(case):
                missing.append(f"{test}: {case}")
    assert len(names) > 10, f"references to {sorted(names)} only"
    assert not missing, "no such case: " + "; ".join(missing)


if __name__ == "__main__":
    if not os.path.exists(PAGE):
        ktap.skip_all("protocol.rst is not here")
    ktap.run([(function.__name__, function) for function in (each_must_has_one, each_is_there)])
