# SPDX-License-Identifier: MIT
"""The benchmarks behind scripts/bench: rates beside a yardstick, alternating within one run."""
