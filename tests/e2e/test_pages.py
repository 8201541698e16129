# SPDX-License-Identifier: MIT
"""README and the pages in docs/: their commands run, their links lead somewhere, the tests that they name exist."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lib import pages
from lib.daemon import ROOT, clean_environment, program_out
from lib.origins import ScriptedOrigin, ok_answer

PAGES = sorted(str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("src/*/README.md")])
FIFTY = "30414093201713378043612608166064768844377641568960512000000000000"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
BETWEEN = "====between===="

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def page_daemon(make_module_daemon):
    """Loopback may be fetched but for one address, so that there is something to be refused."""
    return make_module_daemon(fetch_allow=["127.0.0.0/8"], fetch_deny=["127.0.0.1/32"])


@pytest.fixture
def run_blocks(page_daemon, tmp_path):
    """Runs all blocks for the shell of a page in one shell, as somebody would who copies one after the other; only
    addresses are those of here. Returns what each has said."""
    (tmp_path / "build").symlink_to(program_out())
    (tmp_path / "taskq-data").symlink_to(page_daemon.data)

    def run(name):
        with ScriptedOrigin(ok_answer(b"<!doctype html>", "text/html"), host="127.0.0.2") as origin:
            blocks = [block for _, block in pages.blocks(name, "sh")]
            script = f"\necho {BETWEEN}\n".join(blocks)
            script = script.replace("http://127.0.0.1:18991", f"http://{page_daemon.address[0]}:{page_daemon.address[1]}")
            script = script.replace("https://example.com/", origin.url())
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=clean_environment(), input="",
                                  capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done
            return done.stdout.split(BETWEEN + "\n")

    return run


@needs_curl
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 program is not installed")
def test_getting_started(run_blocks, tmp_path):
    first, kept, asked, typed, fetched, looked, refused, database, again = run_blocks("docs/getting-started.md")
    assert re.fullmatch(rf'\{{"id":"{ID}"\}}\n', first) and kept == ""
    status, result = (json.loads(line, parse_int=str) for line in asked.splitlines())
    assert status["status"] == "SUCCEEDED" and result["result"] == FIFTY and f'"result":{FIFTY}}}' in pages.text("docs/getting-started.md")
    assert typed.strip() == FIFTY and len((tmp_path / "digits.txt").read_text().strip()) == 77338
    assert fetched == "" and (tmp_path / "page.html").read_bytes() == b"<!doctype html>"
    assert status["id"] in looked and "SUCCEEDED" in looked
    assert "FAILED" in refused and "destination_denied" in refused
    assert database.count("factorial") + database.count("http-fetch") == 5 and "destination_denied" in database
    assert again.strip() == FIFTY


@needs_curl
def test_the_tour_of_the_api(run_blocks):
    tour, later, many, keyed, description = run_blocks("docs/api.md")
    lines = tour.splitlines()
    assert json.loads(lines[0])["status"] == "SUCCEEDED" and lines[2].startswith("3060575122") and "event: status" in tour
    assert json.loads(lines[-1])["attempts"][0]["outcome"] == "succeeded"
    replayed, cancelled, retried = (json.loads(line) for line in later.splitlines())
    assert cancelled == {"id": replayed["id"], "status": "REJECTED"} and retried["id"] != replayed["id"]
    batch, listed, stats = (json.loads(line) for line in many.splitlines())
    assert len(batch["ids"]) == 2 and 4 <= len(listed["tasks"]) <= 5 and stats["tasks"]["REJECTED"] >= 1
    assert "HTTP/1.1 202 Accepted" in keyed and json.loads(description)["openapi"].startswith("3.1")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    directory = (ROOT / name).parent
    for path, anchor in pages.links(name):
        target = (directory / path).resolve() if path else ROOT / name
        assert target.exists(), f"{name}: there is no {path}"
        if anchor and target.suffix == ".md":
            assert anchor in pages.anchors(str(target.relative_to(ROOT))), f"{name}: {path or 'the page'} has no #{anchor}"


def test_every_page_is_found_from_the_readme():
    linked = {path for path, _ in pages.links("README.md")}
    there = {f"docs/{entry.name}" for entry in (ROOT / "docs").iterdir() if entry.suffix in (".md", ".json", ".1", ".5", ".8")}
    assert there <= linked


def test_two_commands_set_it_up():
    section = pages.text("README.md").split("## Two commands\n")[1].split("\n## ")[0]
    commands = re.findall(r"^    (\S+)", section, re.M)
    assert commands == ["scripts/run", "scripts/test"] and all(os.access(ROOT / command, os.X_OK) for command in commands)


def test_tests_that_are_named_exist():
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", pages.text("docs/guarantees.md"))
    assert len(named) > 20
    for path, name in named:
        assert re.search(rf"^\s*(def )?{name}\(", (ROOT / path).read_text("utf-8"), re.M), f"{path} has no {name}"


def test_files_that_are_named_exist():
    for name in PAGES:
        if name.startswith("docs/") or name == "README.md":
            for path in re.findall(r"`((?:src|sql|scripts|tests)/[\w./-]+)`", pages.text(name)):
                assert (ROOT / path).exists() or pathlib.Path(path).name.endswith("."), f"{name}: there is no {path}"
