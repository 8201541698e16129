# SPDX-License-Identifier: MIT
"""What the dashboard is made of, without a browser: its files, the history of figures, submissions as they were."""

import gzip
import re

import pytest

from lib.api import check_problem
from lib.wait import wait_until

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LOADED = re.compile(r'(?:src|href)="(/dashboard/[^"]+)"|from "\./([^"]+)"')


def page(client, **more):
    return client.request("GET", "/", headers={"Accept": BROWSER, **more})


def test_every_file_that_the_page_names_is_there(client):
    front = page(client)
    assert front.status == 200 and front.media_type == "text/html"
    waiting, seen = [front.body.decode()], set()
    while waiting:
        for absolute, relative in LOADED.findall(waiting.pop()):
            path = absolute or f"/dashboard/{relative}"
            if path in seen:
                continue
            seen.add(path)
            answer = client.get(path)
            assert answer.status == 200, (path, answer)
            assert "'unsafe" not in answer.headers["Content-Security-Policy"]
            if path.endswith(".js") and "chart" not in path:
                waiting.append(answer.body.decode())
    assert {"/dashboard/app.js", "/dashboard/chart.js", "/dashboard/style.css", "/dashboard/task.js"} <= seen


def test_nothing_in_it_is_inline_or_from_elsewhere(client):
    text = page(client).body.decode()
    assert "<style" not in text and " style=" not in text and not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_both_forms_are_the_same_file_under_tags_of_their_own(client):
    plain = client.get("/dashboard/chart.js")
    packed = client.request("GET", "/dashboard/chart.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert len(packed.body) < len(plain.body) / 2
    assert b"MIT License" in plain.body[:300]
    for answer, extra in ((plain, {}), (packed, {"Accept-Encoding": "gzip"})):
        again = client.request("GET", "/dashboard/chart.js", headers={"If-None-Match": answer.headers["ETag"], **extra})
        assert again.status == 304 and again.body == b""


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0"])
def test_programs_find_nothing_there_as_ever(client, accept):
    check_problem(client.request("GET", "/", headers={"Accept": accept} if accept else {}), 404)


def test_the_history_adds_up_to_what_was_done(make_daemon, nginx):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client:
        ids = [client.factorial(n) for n in (5, 2000, 2001)]
        ids.append(client.fetch(nginx.url("/missing")))
        for task_id in ids:
            client.wait_final(task_id)

        def sums():
            series = client.get("/stats/history").json["series"]
            return {name: sum(values) for name, values in series["tasks"].items()}, series

        wait_until(lambda: sums()[0]["submitted"] == 4 and sums()[0]["failed"] == 1, what="the history has all of them")
        totals, series = sums()
        assert totals == {"submitted": 4, "succeeded": 3, "failed": 1, "rejected": 0, "refused": 0}
        assert {code: sum(values) for code, values in series["failed"].items()} == {"http_status": 1}
        runs = series["types"]["factorial"]["run_ms"]
        for half, most in zip(runs["p50"], runs["p99"]):
            assert (half is None) == (most is None) and (half is None or 0 < half <= most)
        assert any(value is not None for value in runs["p50"])
        assert sum(series["http"]["requests"]) > 0


def test_a_submission_can_be_sent_again_as_it_was(client, nginx):
    asked = {"type": "http-fetch", "args": {"url": nginx.url("/") , "headers": {"X-A": "b"}},
             "priority": 7, "timeout_ms": 9000, "retry": {"max_attempts": 2, "backoff_ms": 5, "max_backoff_ms": 6}}
    task_id = client.post(asked).json["id"]
    told = client.get(f"/tasks/{task_id}/submission")
    assert told.status == 200 and told.json == asked
    again = client.post(told.body)
    assert again.status == 202
    assert client.get(f"/tasks/{again.json['id']}/submission").json == asked
    plain = client.get(f"/tasks/{client.factorial(9)}/submission").json
    assert plain["args"] == {"n": "9"} and "timeout_ms" not in plain and plain["priority"] == 5
    check_problem(client.get("/tasks/018f0000-0000-7000-8000-000000000000/submission"), 404)
