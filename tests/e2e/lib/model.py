# SPDX-License-Identifier: MIT
"""A model of the contract: what a client may be told of a task, given all that it did and was told before.

It does not foretell which of several legal things happens; it refuses what may not happen, ever: a final
status that changes, a task that comes back or is lost, a result that is not the one, an attempt too many,
a start before its time, an end that nothing explains.
"""

import datetime
import math
import sys

from .api import FINAL, WORDS, check_failure

sys.set_int_max_str_digits(0)

MENDED = {"out_of_memory", "dns", "connect", "timeout", "connection_lost", "http_status"}


class Broken(AssertionError):
    """The service has said something that the contract does not allow."""


def moment(text):
    return None if text is None else datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Task:
    """One acknowledged task."""

    def __init__(self, task_id, kind, value, terms, submitted_at, retry_of=None):
        self.id = task_id
        self.retry_of = retry_of
        self.kind = kind
        self.value = value  # n, or the origin's way: "good", "flaky", "gone", "slow"
        self.terms = terms
        self.submitted_at = submitted_at
        self.max_attempts = terms.get("retry", {}).get("max_attempts", 3)
        self.cancelled = False  # a cancel was answered with 200 or 202, or its answer was lost
        self.cancel_answers = []
        self.crashes = 0  # the service was killed while this one was not known to be final
        self.final = None
        self.can_only_be = FINAL
        self.seen = None  # the latest status answer
        self.result = None

    def require(self, truth, what):
        if not truth:
            raise Broken(f"{what}\n  task {self.__dict__}")

    # What the service tells ----------------------------------------------------------------------

    def told_status(self, answer):
        word = answer["status"]
        self.require(answer["id"] == self.id and word in WORDS, f"a strange answer: {answer}")
        self.require(answer["type"] == self.kind, f"another type: {answer}")
        self.require(answer.get("retry_of") == self.retry_of, f"of another task: {answer}")
        created, started, finished = (moment(answer[name]) for name in ("created_at", "started_at", "finished_at"))
        self.require(0 <= answer["attempts"] <= self.max_attempts, f"too many attempts: {answer}")
        self.require((finished is not None) == (word in FINAL), f"an end without a final status, or none with one: {answer}")
        self.require(started is None or started >= created, f"started before it was there: {answer}")
        self.require(finished is None or finished >= (started or created), f"ended before it began: {answer}")
        progress = answer.get("progress")
        self.require({"SUCCEEDED": progress == 1, "RUNNING": progress is None or 0 <= progress <= 1}.get(word, progress is None),
                     f"strange progress: {answer}")
        if started is not None and "delay_ms" in self.terms:
            self.require((started - created).total_seconds() * 1000 >= self.terms["delay_ms"], f"too early: {answer}")
        if self.seen is not None:
            self.require(answer["created_at"] == self.seen["created_at"], "the submission has moved in time")
            self.require(answer["attempts"] >= self.seen["attempts"] - (self.seen["status"] == "RUNNING"),
                         f"attempts were forgotten: {self.seen} then {answer}")
        self.told_word(word)
        self.seen = answer

    def told_word(self, word):
        if self.final is not None:
            self.require(word == self.final, f"{self.final} has become {word}")
        if word in FINAL:
            self.require(word in self.can_only_be, f"it was run again as one that failed, and is {word}")
            self.final = word

    def told_result(self, answer):
        self.told_word(answer["status"])
        self.require(self.final is not None, f"a result of what has not ended: {answer}")
        text = {name: answer[name] for name in ("status", "result")}
        self.require(self.result in (None, text), f"another result than before: {str(self.result)[:300]} {str(text)[:300]}")
        self.result = text
        {"SUCCEEDED": self.check_success, "FAILED": self.check_failed, "REJECTED": self.check_rejected}[self.final](
            answer["result"])

    def check_success(self, result):
        if self.kind == "factorial":
            self.require(result == math.factorial(self.value), "a wrong factorial")
        else:
            self.require(result == self.value, f"another content: {str(result)[:100]}")
        self.require(self.value not in ("gone", "slow"), "a fetch that cannot succeed did")
        self.require(202 not in self.cancel_answers and 200 not in self.cancel_answers, "it was cancelled")

    def check_failed(self, result):
        check_failure(result)
        code = result["code"]
        if code == "cancelled":
            self.require(self.cancelled, "nobody cancelled it")
        elif code == "attempts_exhausted":
            self.require(self.crashes > 0, "no attempt went down with the service")
        elif code == "timeout":
            self.require("timeout_ms" in self.terms, "it had no limit")
        else:
            self.require(code == {"gone": "connect", "flaky": "http_status"}.get(self.value), f"failed without a reason: {code}")
        if code in MENDED and self.kind == "http-fetch" and self.seen is not None and self.seen["status"] in FINAL:
            self.require(self.seen["attempts"] == self.max_attempts, f"given up too soon: {self.seen}")

    def check_rejected(self, result):
        check_failure(result)
        if result["code"] == "expired":
            self.require("ttl_ms" in self.terms, "it never expires")
        else:
            self.require(result["code"] == "cancelled" and self.cancelled, f"rejected without a reason: {result}")

    def told_cancel(self, response):
        self.cancel_answers.append(response.status)
        if response.status == 200:
            self.cancelled = True
            self.require(response.json["status"] in ("REJECTED", "FAILED"), f"{response.json}")
            self.told_word(response.json["status"])
        elif response.status == 202:
            self.cancelled = True
            self.require(self.final is None and response.json["status"] == "RUNNING", f"{response.json}")
        else:
            self.require(response.status == 409, f"{response}")
            # Whatever it is by now, it did not end by a cancel.
            self.require(200 not in self.cancel_answers, "it had been rejected by a cancel")

    def told_retry(self, response):
        """Returns whether there is a new task now."""
        if response.status == 409:
            self.require(self.final not in ("FAILED", "REJECTED"), f"it could be run again: {response}")
            return False
        self.require(response.status == 202 and self.final != "SUCCEEDED", f"{response}")
        # What it has come to is not said, but that it has ended otherwise.
        self.can_only_be = ("FAILED", "REJECTED")
        return True

    # What happens to the service -------------------------------------------------------------------

    def service_went_down(self):
        if self.final is None:
            self.crashes += 1

    def cancel_was_lost(self):
        """The connection broke before the answer: it may have been cancelled or not."""
        self.cancelled = True
