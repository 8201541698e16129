# SPDX-License-Identifier: MIT
"""n! to decimal digits beside GMP (mpz_fac_ui, mpz_get_str), in one thread of one program."""

from ..programs import run_json
from ..ratio import row

SIZES = (1_000, 10_000, 100_000)
MILLION = 1_000_000


def measure(run, names):
    for n in SIZES + ((MILLION,) if run.options.million else ()):
        found = run_json("factorial_gmp", n, run.options.rounds, timeout=600)
        rounds = [{"per_s": 1 / each["project_s"], "yardstick": 1 / each["gmp_s"],
                   "ratio": each["gmp_s"] / each["project_s"]} for each in found["rounds"]]
        for name in names:
            run.add(row(name, f"n = {n:,}", "1/s", "GMP", rounds))
