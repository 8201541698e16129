# SPDX-License-Identifier: MIT
"""Libraries that are preloaded into the daemon: tests/lib-preload, from the build or made here."""

import shutil
import subprocess

import pytest

from .daemon import ROOT, program_out


def library(name, directory):
    """The path of a library; `directory` is where one that the build has not made is put."""
    built = program_out() / "tests" / f"{name}.so"
    if built.exists():
        return built
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip(f"no {name}.so and no compiler")
    made = directory / f"{name}.so"
    subprocess.run(
        [compiler, "-std=c17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-pthread", "-o", made,
         ROOT / "tests" / "lib-preload" / f"{name}.c", "-ldl"], check=True)
    return made
