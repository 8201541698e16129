# SPDX-License-Identifier: MIT
"""What ends a run: a figure whose answers or counts are not right is no figure."""


class BenchError(Exception):
    """Something was measured, or could not be, that is not what was to be measured."""


def require(condition, text):
    if not condition:
        raise BenchError(text)
