# SPDX-License-Identifier: MIT
"""Makes the packages importable for the unit tests of this directory."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]

import lab  # noqa: E402, F401
