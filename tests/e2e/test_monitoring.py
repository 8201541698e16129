# SPDX-License-Identifier: MIT
"""docs/monitoring: the page, the alert rules and the dashboard, held against a living service."""

import json
import re
import shutil
import subprocess

import pytest

from lib.daemon import ROOT
from lib.metrics import scrape
from lib.origins import ScriptedOrigin, ok_answer

PAGE = ROOT / "docs" / "monitoring.md"
DIRECTORY = ROOT / "docs" / "monitoring"
ALERTS, ALERTS_TEST = DIRECTORY / "alerts.yml", DIRECTORY / "alerts_test.yml"
DASHBOARD = DIRECTORY / "grafana-dashboard.json"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

METRIC = re.compile(r"\b(?:taskq|process)_[a-z0-9_]+\b")
# Labels that Prometheus adds to what it has scraped.
ADDED_LABELS = {"job", "instance"}


@pytest.fixture(scope="module")
def live(make_module_daemon):
    """The metrics of a service that has done some of everything, so that no family is empty."""
    daemon = make_module_daemon(fetch_allow=["127.0.0.0/8"])
    with ScriptedOrigin(ok_answer(b"fine")) as origin, daemon.client() as client:
        client.wait_final(client.factorial(300))
        client.wait_final(client.fetch(origin.url()))
        return scrape(client)


def expressions_of_rules():
    """The `expr` of each alert: a line, or an indented block behind a bar."""
    found = {}
    for part in re.split(r"^ *- alert: *", ALERTS.read_text(), flags=re.M)[1:]:
        name = part.split("\n", 1)[0].strip()
        match = re.search(r"^( *)expr: *(?:\|\n((?:\1 +.*\n)+)|(.+)\n)", part, re.M)
        assert match, name
        found[name] = (match.group(2) or match.group(3)).strip()
    assert len(found) > 10
    return found


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions_of_dashboard():
    found = {f"{panel['title']}/{target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]}
    found.update({annotation["name"]: annotation["expr"] for annotation in dashboard()["annotations"]["list"]})
    variables = dashboard()["templating"]["list"]
    found.update({
        variable["name"]: re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"]).group(1)
        for variable in variables if variable["type"] == "query"
    })
    return found


EXPRESSIONS = {**{f"alert {name}": text for name, text in expressions_of_rules().items()},
               **{f"panel {name}": text for name, text in expressions_of_dashboard().items()}}


def without_strings(text):
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)


def selectors(text):
    """Each metric with the labels that stand in braces behind it."""
    for match in re.finditer(r"(?<![a-z0-9_])((?:taskq|process)_[a-z0-9_]+|up)(?:\{([^}]*)\})?", text):
        yield match.group(1), re.findall(r"([a-z_]+) *(?:=~|!~|!=|=)", without_strings(match.group(2) or ""))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_and_label_exists(live, name):
    found = list(selectors(EXPRESSIONS[name]))
    assert found, EXPRESSIONS[name]
    labels = set(ADDED_LABELS)
    for metric, matched in found:
        if metric != "up":
            labels |= live.label_names(metric)  # KeyError: there is no such metric
            assert set(matched) <= live.label_names(metric) | ADDED_LABELS, (metric, matched)
    # What is grouped by and joined on has to be a label of something in the expression.
    plain = without_strings(EXPRESSIONS[name])
    for group in re.findall(r"\b(?:by|on|without) *\(([^)]*)\)", plain):
        assert {word.strip() for word in group.split(",")} <= labels, (group, labels)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_word_that_is_matched_occurs(live, name):
    """A matcher with a word that no series has would never fire."""
    text = EXPRESSIONS[name]
    for metric, braces in re.findall(r"\b((?:taskq|process)_[a-z0-9_]+)\{([^}]*(?:\{id\}[^}]*)?)\}", text):
        family = live.families.get(metric) or live.families[re.sub(r"_(bucket|sum|count)\Z", "", metric)]
        for label, sign, value in re.findall(r'([a-z_]+) *(=~|!~|!=|=) *"([^"]*)"', braces):
            if label in ADDED_LABELS or value.startswith("$"):
                continue
            words = {dict(labels).get(label) for _, labels in family.samples}
            patterns = value.split("|") if "~" in sign else [re.escape(value)]
            for pattern in patterns:
                assert any(word is not None and re.fullmatch(pattern, word) for word in words), (metric, label, pattern)


@needs_promtool
def test_the_rules_are_well_formed_and_do_what_they_should():
    for words in (["check", "rules", ALERTS.name], ["test", "rules", ALERTS_TEST.name]):
        done = subprocess.run([PROMTOOL, *words], cwd=DIRECTORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried_where_it_fires_and_where_it_does_not():
    cases = re.findall(r"^ *- (?:\{ eval_time: \w+, alertname: (\w+) \}|eval_time: \w+\n *alertname: (\w+)\n *(exp_alerts):)",
                       ALERTS_TEST.read_text(), re.M)
    silent = {name for name, _, _ in cases if name}
    firing = {name for _, name, expected in cases if expected}
    assert silent == firing == set(expressions_of_rules())


@needs_promtool
def test_the_dashboard_asks_in_valid_promql(tmp_path):
    """As recording rules, with its variables filled in: promtool judges those."""
    rules = []
    for place, (name, text) in enumerate(expressions_of_dashboard().items()):
        text = text.replace("$__rate_interval", "5m").replace("$instance", ".+")
        assert "$" not in text, name
        rules.append({"record": f"panel:{place}", "expr": text})
    path = tmp_path / "rules.yml"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


def test_the_dashboard_can_be_imported():
    value = dashboard()
    assert value["uid"] and value["title"] and value["schemaVersion"] >= 36
    assert {variable["name"] for variable in value["templating"]["list"]} == {"datasource", "instance"}
    ids = [panel["id"] for panel in value["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in value["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        for item in (panel, *panel["targets"]):
            assert item["datasource"]["uid"] == "${datasource}"
        assert "instance" in json.dumps(panel["targets"])


def test_the_page_describes_every_metric_and_no_other(live):
    named = set(re.findall(r"`((?:taskq|process)_[a-z0-9_]+)(?:\{[^`]*\})?`", PAGE.read_text()))
    assert named == set(live.families), named ^ set(live.families)


def test_the_page_has_the_labels_and_types_as_they_are(live):
    rows = re.findall(r"^\| (`taskq_[^|]*) \| ([a-z, ]*) \|", PAGE.read_text(), re.M)
    described = set()
    for names, kinds in rows:
        words = re.findall(r"`(\w+)(?:\{([a-z,]*)\})?`", names)
        kinds = [word.strip() for word in kinds.split(",")]
        for place, (name, labels) in enumerate(words):
            family = live[name]
            described.add(name)
            assert family.kind == kinds[min(place, len(kinds) - 1)], name
            assert live.label_names(name if family.kind != "histogram" else f"{name}_sum") - {"le"} == set(filter(None, labels.split(","))), name
    assert described == {name for name in live.families if name.startswith("taskq_")}


def test_the_page_explains_every_alert_and_every_check(live):
    text = PAGE.read_text()
    rows = "\n".join(re.findall(r"^\| `Taskq.*$", text, re.M))
    assert set(re.findall(r"`(Taskq\w+)`", rows)) == set(expressions_of_rules())
    checks = {dict(labels)["check"] for _, labels in live["taskq_check_ok"].samples}
    described = re.search(r"^## Readiness, check by check\n(.*?)^## ", text, re.M | re.S).group(1)
    assert set(re.findall(r"^\| `(\w+)` \|", described, re.M)) == checks
