# SPDX-License-Identifier: MIT
"""The ledger: what clients were told, held against what the database says in the end.

The generator (soakgen.c) writes one record for each event of each submission; audit() compares all
of them with all rows. A finding is a breach of a promise; a clean run has none.
"""

import json
import pathlib

import numpy

from lib.database import integrity, opened

RECORD = numpy.dtype([
    ("event", "u1"), ("word", "u1"), ("item", "<u2"), ("http", "<u2"), ("zero", "<u2"), ("wall_ms", "<u8"),
    ("high", ">u8"), ("low", ">u8"),
])
EVENTS = ("", "acknowledged", "refused", "unknown", "final", "wrong", "lost", "changed", "unexpected")
WORDS = ("", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "REJECTED")
FINAL = (3, 4, 5)
SUCCEEDED, FAILED = 3, 4
CHUNK = 50000
EXAMPLES = 10
SLACK_MS = 2500  # a request may meet an origin's end a moment after it was recorded, and the reverse

FINDINGS = {
    "acknowledged_but_missing": "acknowledged, and there is no row",
    "acknowledged_twice": "one id was given to two submissions",
    "row_twice": "an id has two rows",
    "more_rows_than_sent": "rows beyond those acknowledged and those whose answer never came",
    "not_final": "a task that never ended",
    "wrong_arguments": "a row with other arguments than were submitted",
    "wrong_result": "a result that is not what the arguments give",
    "result_missing": "a result file that its row names is not there",
    "status_changed": "a final status that was seen, and another one in the end",
    "too_many_attempts": "more attempts than are allowed",
    "failure_unexplained": "FAILED, and no origin's fault explains it",
    "rejected": "REJECTED, although nobody cancelled it",
    "counters_disagree": "queue_stats does not agree with the rows",
    "orphan_file": "a result file that no row names",
    "database_damaged": "PRAGMA integrity_check",
    "client_saw_wrong": "a client read a wrong result",
    "client_saw_lost": "a client got 404 for an acknowledged id",
    "client_saw_changed": "a client saw a final status change",
    "client_saw_unexpected": "a client got an answer that the contract does not have there",
}


class Findings:
    """Counts of breaches by kind, with some examples of each."""

    def __init__(self):
        self.counts = dict.fromkeys(FINDINGS, 0)
        self.examples = {}

    def add(self, kind, example, count=1):
        self.counts[kind] += count
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(str(example)[:300])

    def add_ids(self, kind, high, low):
        if len(high):
            self.counts[kind] += len(high) - min(len(high), EXAMPLES)
            for pair in list(zip(high, low))[:EXAMPLES]:
                self.add(kind, id_text(*pair))

    @property
    def clean(self):
        return not any(self.counts.values())


def load(path):
    """All whole records of a ledger file."""
    data = numpy.fromfile(path, dtype="u1")
    return data[:len(data) // RECORD.itemsize * RECORD.itemsize].view(RECORD)


def id_text(high, low):
    digits = f"{int(high):016x}{int(low):016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def pack_ids(ids):
    """UUID texts as an array of two numbers each."""
    return numpy.frombuffer(bytes.fromhex("".join(ids).replace("-", "")), dtype=">u8").reshape(-1, 2).astype("u8")


def pair_up(left, right):
    """Indices (of left, of right) of equal ids; each side has an id at most once."""
    both = numpy.concatenate([left, right])
    order = numpy.lexsort((both[:, 1], both[:, 0]))
    sorted_ids = both[order]
    equal = numpy.flatnonzero((sorted_ids[1:] == sorted_ids[:-1]).all(axis=1))
    first, second = order[equal], order[equal + 1]
    crosses = (first < len(left)) != (second < len(left))
    first, second = first[crosses], second[crosses]
    return numpy.minimum(first, second), numpy.maximum(first, second) - len(left)


def repeated(ids):
    """Those ids that occur more than once, once each."""
    order = ids[numpy.lexsort((ids[:, 1], ids[:, 0]))]
    equal = (order[1:] == order[:-1]).all(axis=1)
    return numpy.unique(order[1:][equal], axis=0)


def of_event(records, name):
    return records[records["event"] == EVENTS.index(name)]


def ids_of(records):
    return numpy.column_stack([records["high"].astype("u8"), records["low"].astype("u8")])


def read_rows(database, items, data, findings):
    """One pass over task_history: (ids, words, item numbers) as arrays; findings about single rows."""
    by_args = {(item["type"], json.dumps(item["args"], sort_keys=True)): number for number, item in enumerate(items)}
    texts = [as_text(item["content"]) for item in items]
    known = {}
    ids, words, numbers = [], [], []
    with opened(database) as connection:
        rows = connection.execute(
            "SELECT id, type, args, status, attempts, max_attempts, result, result_bytes, result_file FROM task_history")
        while chunk := rows.fetchmany(CHUNK):
            ids.append(pack_ids([row[0] for row in chunk]))
            words.append(numpy.array([WORDS.index(row[3]) for row in chunk], dtype="u1"))
            found = []
            for task_id, kind, args, status, attempts, most, result, size, file in chunk:
                number = known.get((kind, args))
                if number is None:
                    number = by_args.get((kind, json.dumps(json.loads(args), sort_keys=True)), -1)
                    known[kind, args] = number
                found.append(number)
                if attempts > most:
                    findings.add("too_many_attempts", f"{task_id}: {attempts} of {most}")
                content = items[number]["content"] if number >= 0 else None
                if status != "SUCCEEDED" or content is None:
                    continue
                if file is not None:
                    check_file(data / file, task_id, content, findings)
                elif (result != texts[number] if texts[number] is not None else
                      binary_content(connection, task_id) != content):
                    findings.add("wrong_result", f"{task_id}: {size} bytes for {args}")
            numbers.append(numpy.array(found, dtype="i4"))
    if not ids:
        return numpy.empty((0, 2), "u8"), numpy.empty(0, "u1"), numpy.empty(0, "i4")
    return numpy.concatenate(ids), numpy.concatenate(words), numpy.concatenate(numbers)


def as_text(content):
    """The content as the view shows it; None: it is no text, and the view shows nothing."""
    try:
        text = None if content is None else content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if text is None or "\0" in text else text


def binary_content(connection, task_id):
    """What no view shows: content that is no text."""
    row = connection.execute(
        "SELECT r.content FROM task AS t JOIN task_result AS r ON r.seq = t.seq WHERE t.id = ?", (task_id,)).fetchone()
    return None if row is None else bytes(row[0])


def check_file(path, task_id, content, findings):
    try:
        if path.read_bytes() != content:
            findings.add("wrong_result", f"{task_id}: file {path.name}")
    except FileNotFoundError:
        findings.add("result_missing", f"{task_id}: {path.name}")


def check_counters(database, words, findings):
    """queue_stats against the rows, by status. What is held or deferred has figures of its own there, and is QUEUED."""
    with opened(database) as connection:
        told = dict(connection.execute(
            "SELECT CASE WHEN status IN ('SCHEDULED', 'DEFERRED') THEN 'QUEUED' ELSE status END AS word, sum(count) "
            "FROM queue_stats GROUP BY word"))
    for number, word in enumerate(WORDS[1:], 1):
        rows = int((words == number).sum())
        if told.get(word, 0) != rows:
            findings.add("counters_disagree", f"{word}: counted {told.get(word, 0)}, rows {rows}")


def check_files(database, data, findings):
    """No file in results/ without its row."""
    results = pathlib.Path(data) / "results"
    present = {entry.name for entry in results.iterdir()} if results.is_dir() else set()
    with opened(database) as connection:
        named = {pathlib.PurePath(row[0]).name for row in connection.execute(
            "SELECT result_file FROM task_history WHERE result_file IS NOT NULL")}
    for name in sorted(present - named):
        findings.add("orphan_file", name)
    return len(present)


def explains(item, code, started_ms, finished_ms, outages):
    """Whether this failure is the origin's: always for its path, or while the origin was away."""
    if code in item["failures"]:
        return True
    return code in item["outage_failures"] and any(
        origin == item["origin"] and began <= finished_ms + SLACK_MS and started_ms - SLACK_MS <= ended
        for origin, began, ended in outages)


def check_failures(database, items, outages, findings):
    """Every FAILED row has an explanation; returns how often each code occurred."""
    by_args = {(item["type"], json.dumps(item["args"], sort_keys=True)): item for item in items}
    codes = {}
    milliseconds = "(julianday({}) - 2440587.5) * 86400000"
    with opened(database) as connection:
        for task_id, kind, args, code, started, finished in connection.execute(
                f"SELECT id, type, args, code, {milliseconds.format('started_at')}, "
                f"{milliseconds.format('finished_at')} FROM task_history WHERE status = 'FAILED'"):
            codes[code] = codes.get(code, 0) + 1
            item = by_args.get((kind, json.dumps(json.loads(args), sort_keys=True)))
            if item is None or started is None or not explains(item, code, started, finished, outages):
                findings.add("failure_unexplained", f"{task_id}: {code} of {args} at {finished or 0:.0f}")
    return codes


def check_clients(records, findings):
    """What clients saw during the run that must not be."""
    for event in ("wrong", "lost", "changed", "unexpected"):
        for record in of_event(records, event):
            findings.add(f"client_saw_{event}", f"{id_text(record['high'], record['low'])}: HTTP {record['http']}, "
                         f"{WORDS[record['word']] or 'no status'}, item {record['item']}, at {record['wall_ms']}")


def audit(records, database, items, outages=(), unknown_beside=0):
    """Hold the ledger against a database that no service uses now.

    items: the catalogue (catalogue.py); outages: [(origin, began ms, ended ms)]; unknown_beside:
    submissions of other clients whose answer nobody read. Returns a dictionary; "clean" is the verdict.
    """
    data = pathlib.Path(database).parent
    findings = Findings()
    acknowledged, finals = of_event(records, "acknowledged"), of_event(records, "final")
    ids, words, numbers = read_rows(database, items, data, findings)
    ack_ids, final_ids = ids_of(acknowledged), ids_of(finals)

    for name, having in (("acknowledged_twice", ack_ids), ("row_twice", ids)):
        twice = repeated(having)
        findings.add_ids(name, twice[:, 0], twice[:, 1])
    of_ack, of_row = pair_up(ack_ids, ids)
    missing = numpy.ones(len(ack_ids), dtype=bool)
    missing[of_ack] = False
    findings.add_ids("acknowledged_but_missing", *ack_ids[missing].T)
    other = acknowledged["item"][of_ack] != numbers[of_row]
    findings.add_ids("wrong_arguments", *ack_ids[of_ack[other]].T)
    unknown = len(of_event(records, "unknown")) + unknown_beside
    beyond = len(ids) - len(of_row)
    if beyond > unknown:
        findings.add("more_rows_than_sent", f"{beyond} rows, {unknown} unknown", beyond - unknown)
    findings.add_ids("not_final", *ids[~numpy.isin(words, FINAL)].T)
    findings.add_ids("rejected", *ids[words == WORDS.index("REJECTED")].T)
    of_final, of_row = pair_up(final_ids, ids)
    changed = finals["word"][of_final] != words[of_row]
    findings.add_ids("status_changed", *final_ids[of_final[changed]].T)

    check_clients(records, findings)
    check_counters(database, words, findings)
    codes = check_failures(database, items, outages, findings)
    files = check_files(database, data, findings)
    for line in integrity(database):
        if line != "ok":
            findings.add("database_damaged", line)
    return {
        "clean": findings.clean, "findings": findings.counts, "examples": findings.examples, "failure_codes": codes,
        "acknowledged": len(acknowledged), "refused": len(of_event(records, "refused")),
        "unknown": unknown, "unknown_that_became_rows": beyond, "rows": len(ids), "result_files": files,
        "succeeded": int((words == SUCCEEDED).sum()), "failed": int((words == FAILED).sum()),
        "finals_seen_by_clients": len(finals),
    }
