# SPDX-License-Identifier: MIT
"""n! to decimal digits beside GMP (mpz_fac_ui, mpz_get_str), in one thread of one program.

A factorial never takes more than one core, so what is told here holds for any number of them.
"""

from ..programs import run_json
from ..ratio import row

# n, the most rounds (GMP takes a quarter of a minute for the last), and the least ratio that is asked for.
SIZES = ((1_000, 100, None), (10_000, 100, 1 / 1.5), (100_000, 100, 1 / 1.5), (1_000_000, 100, 1), (10_000_000, 3, 1))


def measure(run, names):
    for n, rounds_max, goal in SIZES:
        if n > run.options.factorial_max:
            break
        found = run_json("factorial_gmp", n, min(run.options.rounds, rounds_max), timeout=600)
        rounds = [{"per_s": 1 / each["project_s"], "yardstick": 1 / each["gmp_s"],
                   "ratio": each["gmp_s"] / each["project_s"]} for each in found["rounds"]]
        for name in names:
            run.add(row(name, f"n = {n:,}", "1/s", "GMP", rounds, goal))
