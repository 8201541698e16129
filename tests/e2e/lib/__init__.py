# SPDX-License-Identifier: MIT
"""What the end-to-end suites share: the daemon as a process, clients, origins, bookkeeping."""
