# SPDX-License-Identifier: MIT
"""What load tests, soak and benchmarks share.

Importable with tests/ on sys.path. The end-to-end suites' library (package `lib`) is made importable
here, because the daemon as a process, its client and the look into its database are the same.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
_E2E = str(ROOT / "tests" / "e2e")
if _E2E not in sys.path:
    sys.path.append(_E2E)
