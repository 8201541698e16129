# SPDX-License-Identifier: MIT
"""The figures: each a module, or a part of one, that adds rows to a run.

FIGURES maps a name to (function, what it measures). Names that share a function are measured together
in one alternation when they are asked for together.
"""

from . import requests

FIGURES = {
    "post": (requests.measure, "durable POST, each task executed and completed"),
    "status": (requests.measure, "GET of the status of finished tasks"),
    "content": (requests.measure, "GET of the raw result of finished tasks"),
    "cycle": (requests.measure, "submit, poll until final, read the result"),
}
