# SPDX-License-Identifier: MIT
"""The figures: each a module, or a part of one, that adds rows to a run.

FIGURES maps a name to (function, what it measures). Names that share a function are measured together
in one alternation when they are asked for together.
"""

from . import connect, factorial, fetch, generator, giant, growth, paced, requests, scrape, sizes, startup, waiting

FIGURES = {
    "post": (requests.measure, "durable POST, each task executed and completed"),
    "status": (requests.measure, "GET of the status of finished tasks"),
    "content": (requests.measure, "GET of the raw result of finished tasks"),
    "cycle": (requests.measure, "submit, poll until final, read the result"),
    "connect": (connect.measure, "new connections: connect, one GET, close"),
    "paced": (paced.measure, "latency at a fixed rate, whatever the answers do"),
    "scrape": (scrape.measure, "GET /metrics: what it costs others, and how long it takes"),
    "fetch": (fetch.measure, "fetches by the service beside bare libcurl"),
    "factorial": (factorial.measure, "n! to decimal digits beside GMP"),
    "giant": (giant.measure, "what others feel of 10,000,000! beside them, and its cancel"),
    "sizes": (sizes.measure, "raw results up to 16 MiB beside a hello-world of that size"),
    "growth": (growth.measure, "reads, submissions, tasks that come due, with up to 10^7 tasks in the database"),
    "schedules": (growth.measure_schedules, "the same with 10^6 scheduled beside 10^6 finished tasks"),
    "startup": (startup.measure, "from exec to readiness with 10^7 finished and 10^5 queued tasks"),
    "waiting": (waiting.measure, "as many ?wait=30 as may wait: their delay, and what others feel of them"),
    "generator": (generator.measure, "the load generator beside wrk, on the hello-world"),
}
