# SPDX-License-Identifier: MIT
"""The laboratory's own parts: the sampler across deaths, servers that keep their port, plots, the page."""

import math
import random
import re

import pytest

from lab import machine, plots, servers, trend
from lab.report import Page
from lab.sampler import Sampler, commit_times, read_jsonl, stats_figures
from lib.wait import wait_until


def test_sampler_survives_a_kill_and_a_restart_on_the_same_port(tmp_path):
    with servers.Service(tmp_path / "service") as service:
        address, first = service.address, service.pid
        with Sampler(service, tmp_path / "s.jsonl", period_s=0.05) as sampler:
            wait_until(lambda: (sampler.last or {}).get("rss_bytes"))
            service.kill9()
            wait_until(lambda: sampler.last["pid"] is None)
            service.start()
            wait_until(lambda: sampler.last["pid"] == service.pid and sampler.last["queued"] == 0)
        assert service.address == address and service.pid != first
    samples = read_jsonl(tmp_path / "s.jsonl")
    assert len(samples) == sampler.samples
    dead = [sample for sample in samples if sample["pid"] is None]
    assert dead and all(sample[name] is None for sample in dead for name in ("rss_bytes", "queued", "commits"))


def test_sampler_counts_what_was_done(tmp_path):
    with servers.Service(tmp_path / "service") as service, service.client() as client:
        with Sampler(service, tmp_path / "s.jsonl", period_s=0.05) as sampler:
            for n in range(5):
                client.result(client.factorial(n))
            wait_until(lambda: sampler.last["succeeded"] == 5)
        assert sampler.last["commits"] > 0 and sampler.last["database_bytes"] > 0 and sampler.last["cpu_s"] is not None


def test_nginx_keeps_its_port_and_serves_its_files(tmp_path):
    with servers.Nginx(tmp_path / "nginx") as nginx, servers.Service(
            tmp_path / "service", fetch_allow=servers.ORIGIN_NETWORK) as service, service.client() as client:
        port = nginx.port
        assert len(nginx.pids) == 2
        nginx.stop()
        assert nginx.pids == []
        nginx.start()
        assert nginx.port == port
        answer = client.result(client.fetch(f"{nginx.url}/small.html"))
        assert answer["status"] == "SUCCEEDED" and answer["result"].encode() == servers.SMALL_PAGE


def test_web_origin_keeps_its_port(tmp_path):
    with servers.WebOrigin(tmp_path / "web", median_ms=1, p99_ms=2) as origin:
        port = origin.port
        origin.stop()
        origin.start()
        assert origin.port == port and origin.pids


def buckets(*counts):
    bounds = (1, 10, 100)
    total = 0
    found = []
    for bound, count in zip(bounds, counts):
        total += count
        found.append({"le": bound, "count": total})
    return {"store": {"commit_ms": {"count": sum(counts), "sum": sum(counts) * 2.0, "buckets": found}}}


def test_commit_times_are_those_between_two_answers():
    assert commit_times(buckets(5, 0, 0), buckets(7, 1, 0)) == (2.0, 10)
    assert commit_times(buckets(5, 3, 1), buckets(7, 3, 1)) == (2.0, 1)
    assert commit_times(buckets(5, 0, 0), buckets(5, 0, 0)) == (None, None)
    # Beyond the last bound: no upper bound is known, so the last one stands.
    assert commit_times(buckets(5, 0, 0), buckets(5, 0, 0, 0) | buckets(5, 0, 2)) == (2.0, 100)
    assert commit_times(None, buckets(1, 0, 0)) == (None, None)


def test_figures_without_stats_are_null_not_zero():
    assert set(stats_figures(None).values()) == {None}
    assert set(stats_figures({}).values()) == {None}


def test_torn_last_line_is_left_out(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 2')
    assert read_jsonl(tmp_path / "x.jsonl") == [{"a": 1}] and read_jsonl(tmp_path / "none") == []


def test_thinned_keeps_peaks_and_gaps():
    points = [(at, 1000 if at == 4321 else at % 7) for at in range(10000)]
    points[7000] = (7000, None)
    thin = plots.thinned(points, 500)
    assert len(thin) <= 510 and (4321, 1000) in thin
    assert any(value is None for _, value in thin) and [at for at, _ in thin] == sorted(at for at, _ in thin)


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(0, None)]}, {"a": [(0, 0.0)]}, {"a": [(0, 1), (1, 2)], "b": [(0, 3)]}])
@pytest.mark.parametrize("y_log", [False, True])
def test_lines_draw_whatever_there_is(series, y_log):
    svg = plots.lines(series, "Title <&>", "ms", y_log=y_log, marks=[(0.5, "mark")], limits=[(2, "limit")])
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>") and "Title &lt;&amp;&gt;" in svg


def test_page_escapes_and_keeps_ids_apart():
    page = Page("A <title>")
    svg = plots.lines({"a": [(0, 1), (1, 2)]}, "Same", "ms")
    for _ in range(2):
        page.figure(svg, "<caption>")
    page.table(["<th>"], [["<td>"], [None]])
    html = page.html()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) and "<td>&lt;td&gt;</td>" not in html and "&lt;td&gt;" in html
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)
    assert plots.INK not in html.split("</style>")[1] and "&lt;caption&gt;" in html


def test_machine_is_described(tmp_path):
    found = machine.describe(tmp_path / "not" / "there")
    assert found["cores"] >= 1 and found["memory_bytes"] > 0 and found["disk"]["bytes"] > 0
    assert all(isinstance(text, str) and text for _, text in machine.rows(found))
    assert machine.flush_ms(tmp_path)["p50"] >= 0 and not list(tmp_path.iterdir())


def test_trend_tells_a_slope_from_noise():
    chance = random.Random(1)
    noise = [(at / 100, 50 + chance.gauss(0, 1) + math.sin(at / 5)) for at in range(2000)]
    assert trend.is_flat(noise)
    rising = [(at, value + 0.5 * at) for at, value in noise]
    assert trend.is_flat(rising) is False and abs(trend.slope(rising)[0] - 0.5) < 0.1
    assert trend.is_flat(rising, tolerance=1.0)
    assert trend.slope([(0, 1), (1, None)]) is None and trend.slope([]) is None
