# SPDX-License-Identifier: MIT
"""GET /metrics, read by a strict parser of Prometheus's text format 0.0.4.

Written from prometheus.io/docs/instrumenting/exposition_formats and the naming rules beside it. It takes
less than Prometheus does: every family has its help and type, stands together, and is there once.
"""

import math
import re

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,(?=.)|\Z)')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
TYPES = ("counter", "gauge", "histogram")


class Family:
    def __init__(self, name, help_text, kind):
        self.name = name
        self.help = help_text
        self.kind = kind
        self.samples = {}  # (sample's name, its labels as sorted pairs) to value


def _labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels {text!r} at {at}"
        name, value = match.group(1), re.sub(r"\\.", lambda escape: ESCAPES[escape.group()], match.group(2))
        assert name not in labels and not name.startswith("__"), text
        labels[name] = value
        at = match.end()
    return labels


def _value(text):
    assert NUMBER.match(text), f"value {text!r}"
    return float(text) if "." in text else int(text)


def _check_name(family):
    """The conventions of names (prometheus.io/docs/practices/naming), as far as a program can tell."""
    name = family.name
    assert NAME.match(name) and ":" not in name, name
    assert family.kind in TYPES, (name, family.kind)
    assert (family.kind == "counter") == name.endswith("_total"), name
    assert not re.search(r"_(count|sum|bucket|milliseconds|ms|us|kib|mib|minutes|hours|percent)(_total)?\Z", name), name
    assert not re.search(r"gauge|counter|histogram", name), name
    assert family.help and family.help.endswith(".") and "\\" not in family.help, family.help


class Metrics:
    """One answer. `metrics["name"]` is a family, `metrics.value("name", type="factorial")` a sample."""

    def __init__(self, text):
        self.families = {}
        self._parse(text)
        for family in self.families.values():
            _check_name(family)
            self._check_labels(family)
            if family.kind == "histogram":
                self._check_histogram(family)
            if family.kind != "gauge":
                assert all(value >= 0 for value in family.samples.values()), family.name

    def _parse(self, text):
        assert text.endswith("\n") and not text.startswith("\n"), "every line ends, the last one too"
        family, pending = None, None
        for line in text[:-1].split("\n"):
            assert line == line.strip() and line, repr(line)
            if line.startswith("# HELP "):
                assert pending is None, "a help without a type"
                pending = line[len("# HELP "):].split(" ", 1)
                assert len(pending) == 2, line
            elif line.startswith("# TYPE "):
                name, kind = line[len("# TYPE "):].split(" ")
                assert pending is not None and pending[0] == name, f"the type of {name} follows its help"
                assert name not in self.families, f"{name} stands there twice, or apart"
                family = self.families[name] = Family(name, pending[1], kind)
                pending = None
            else:
                assert not line.startswith("#"), line
                assert family is not None and pending is None, line
                self._sample(family, line)

    @staticmethod
    def _sample(family, line):
        match = SAMPLE.match(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        assert name in [family.name + suffix for suffix in suffixes], f"{name} within {family.name}"
        assert labels is None or labels, "braces without labels"
        key = (name, tuple(sorted(_labels(labels or "").items())))
        assert key not in family.samples, f"twice: {line}"
        family.samples[key] = _value(value)

    @staticmethod
    def _check_labels(family):
        """All samples of a name have the same labels, `le` apart."""
        names = {tuple(name for name, _ in labels if name != "le") for _, labels in family.samples}
        assert len(names) <= 1, (family.name, names)

    @staticmethod
    def _check_histogram(family):
        groups = {}
        for (name, labels), value in family.samples.items():
            rest = tuple(pair for pair in labels if pair[0] != "le")
            group = groups.setdefault(rest, {"buckets": []})
            if name.endswith("_bucket"):
                group["buckets"].append((dict(labels)["le"], value))
            else:
                assert "le" not in dict(labels)
                group[name[len(family.name):]] = value
        for labels, group in groups.items():
            where = (family.name, labels)
            bounds = [math.inf if le == "+Inf" else float(le) for le, _ in group["buckets"]]
            counts = [count for _, count in group["buckets"]]
            assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf and len(bounds) > 1, where
            assert counts == sorted(counts), where
            assert all(isinstance(count, int) for count in counts), where
            assert group["_count"] == counts[-1], where
            # What the values in these buckets have at least. A value that was added meanwhile may be in the
            # sum alone, so there is no upper limit.
            least = sum((count - below) * bound for count, below, bound in zip(counts, [0, *counts], [0.0, *bounds]))
            assert group["_sum"] >= least - 1e-9, where

    def __getitem__(self, name):
        return self.families[name]

    def value(self, name, **labels):
        """A sample of exactly these labels; the name may be a histogram's with its suffix."""
        family = self.families.get(name) or self.families[re.sub(r"_(bucket|sum|count)\Z", "", name)]
        return family.samples[(name, tuple(sorted(labels.items())))]

    def sum(self, name, **labels):
        """All samples of a name that have at least these labels, added up."""
        family = self.families.get(name) or self.families[re.sub(r"_(bucket|sum|count)\Z", "", name)]
        return sum(
            value for (found, pairs), value in family.samples.items()
            if found == name and labels.items() <= dict(pairs).items()
        )

    def counters(self):
        """Everything that may only grow while the process lives."""
        return {
            key: value
            for family in self.families.values() if family.kind != "gauge"
            for key, value in family.samples.items()
        }

    def label_names(self, name):
        family = self.families.get(name) or self.families[re.sub(r"_(bucket|sum|count)\Z", "", name)]
        return {pair[0] for _, labels in family.samples for pair in labels}


def read(response):
    """The parsed answer, which must be one."""
    assert response.status == 200, response
    assert response.headers["Content-Type"] == CONTENT_TYPE, response
    return Metrics(response.body.decode("utf-8"))


def scrape(client):
    return read(client.get("/metrics"))


def check_growth(before, after):
    """No counter has gone back, and none has gone."""
    for key, value in before.counters().items():
        assert after.counters()[key] >= value, key
