# SPDX-License-Identifier: MIT
"""The end of a run: everything drains, the API is asked, a last kill, a clean stop, and the audit."""

import pickle
import random
import shutil

import ledger
from lib.api import loads
from lib.load import unfinished
from lib.wait import wait_until

ASKED_MAX = 20000  # acknowledged tasks that are asked for through the API
COPY_MAX_BYTES = 2 << 30


def ask_api(world, records, items, seed):
    """A sample of acknowledged tasks through the API; returns (asked, complaints)."""
    acknowledged = ledger.of_event(records, "acknowledged")
    chosen = random.Random(seed).sample(range(len(acknowledged)), min(ASKED_MAX, len(acknowledged)))
    complaints = []
    with world.service.client() as client:
        for number in chosen:
            record = acknowledged[number]
            task_id = ledger.id_text(record["high"], record["low"])
            wrong = check_answers(client, task_id, items[record["item"]])
            if wrong and len(complaints) < ledger.EXAMPLES:
                complaints.append(f"API: {task_id}: {wrong}")
    return len(chosen), complaints


def check_answers(client, task_id, item):
    """What is wrong with the answers about one task, or nothing."""
    status = client.get(f"/tasks/submissions/{task_id}")
    if status.status != 200:
        return f"status answered {status.status}"
    word = status.json["status"]
    if word not in ("SUCCEEDED", "FAILED"):
        return f"is {word} in the end"
    if item["raw"] and word == "SUCCEEDED":
        raw = client.raw_result(task_id)
        good = raw.status == 200 and (item["content"] is None or raw.body == item["content"])
        return None if good else f"raw result answered {raw.status}, {len(raw.body)} bytes"
    answer = client.get(f"/tasks/{task_id}")
    if answer.status != 200 or loads(answer.body)["status"] != word:
        return f"result answered {answer.status}, {answer.body[:100]!r}"
    if word == "SUCCEEDED" and item["content"] is not None and item["content"] not in answer.body:
        return f"another result: {answer.body[:100]!r}"
    return None


def keep_books(world, items, out):
    """Copy the database beside the ledger, with all that the audit takes, so that it can be repeated."""
    if world.service.database.stat().st_size > COPY_MAX_BYTES:
        return
    shutil.copytree(world.service.data, out / "data", dirs_exist_ok=True)
    with open(out / "books.pickle", "wb") as file:
        pickle.dump({"items": items, "outages": world.outages, "unknown_beside": world.unknown}, file)


def close_books(world, generator, items, out, say, keep):
    """Drain, ask, kill once more, stop, audit. Returns what was found."""
    complaints = []

    def wait_drained():
        wait_until(lambda: unfinished(world.service.database) == 0, 300, "every task has ended")

    say("draining ...")
    try:
        generator.finish(300)
        wait_drained()
    except AssertionError as error:
        complaints.append(f"not drained: {error}")
    records = ledger.load(generator.ledger)
    asked, wrong = ask_api(world, records, items, 1)
    complaints += wrong
    world.service.kill9()
    world.service.start()
    wait_drained()
    code = world.service.stop()
    world.exit_codes.append(code)
    complaints += [f"SIGTERM ended with code {code}" for code in world.exit_codes if code != 0]
    say("comparing the ledger with the database ...")
    records = ledger.load(generator.ledger)
    audit = ledger.audit(records, world.service.database, items, world.outages, world.unknown)
    if keep or not audit["clean"]:
        keep_books(world, items, out)
    return {"audit": audit, "asked_through_api": asked, "complaints": complaints}
