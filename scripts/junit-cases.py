#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print the cases of a JUnit report for scripts/test, one line each, columns parted by tabs.

    passed   COUNT
    failed   NAME
    skipped  NAME  REASON

Reads the file named by its argument and nothing else.
"""

import sys
import xml.etree.ElementTree


def plain(text):
    """One line of printable text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def main():
    passed = 0
    for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
        name = plain(f"{case.get('classname', '')}.{case.get('name', '')}").lstrip(".")
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            print(f"failed\t{name}")
        elif skipped is not None:
            print(f"skipped\t{name}\t{plain(skipped.get('message', '')) or 'no reason given'}")
        else:
            passed += 1
    print(f"passed\t{passed}")


main()
