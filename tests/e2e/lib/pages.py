# SPDX-License-Identifier: MIT
"""The pages in docs/: their commands and statements, to be run as they stand."""

import re

from .daemon import ROOT

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^#+ (.+)$", re.M)


def text(name):
    return (ROOT / name).read_text("utf-8")


def blocks(name, language):
    """(heading above, content) of every fenced block of a language, in order."""
    page = text(name)
    found = []
    for fence in FENCE.finditer(page):
        if fence.group(1) == language:
            headings = [match.group(1) for match in HEADING.finditer(page, 0, fence.start())]
            found.append((headings[-1], fence.group(2)))
    return found


def anchor(heading):
    """As the sites that show such pages make it of a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower()).replace(" ", "-")


def anchors(name):
    without_code = FENCE.sub("", text(name))
    return {anchor(match.group(1)) for match in HEADING.finditer(without_code)}


def links(name):
    """(path or "", anchor or "") of every link in a page that leads into the project."""
    found = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text(name)))
    return [(*link.partition("#")[::2],) for link in found if not re.match(r"[a-z]+:", link)]
