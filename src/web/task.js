// SPDX-License-Identifier: MIT
// A task's page: what it was asked, how far it is, its attempts, what came of it. Followed by
// server-sent events while it is under way; where there is no stream to be had, by asking.

import { Poll, Problem, ask, randomKey, read, send } from "./api.js";
import { badge, copyButton, fill, h, notice, say } from "./dom.js";
import { NOTHING, between, duration, moment, words } from "./format.js";
import { Preview } from "./preview.js";
import { attemptTable, timeline } from "./timeline.js";

const FINAL = ["SUCCEEDED", "FAILED", "REJECTED"];
/* Where streams are refused because too many are open. */
const ASK_EVERY_MS = 2000;

function fact(name, ...values) {
	return values.some((value) => value !== null && value !== undefined && value !== NOTHING) &&
		h("div", null, h("dt", null, name), h("dd", null, values));
}

export class TaskPage {
	constructor(room, id) {
		this.id = id;
		this.room = room;
		this.controller = new AbortController();
		this.title = h("h1", { tabindex: "-1" }, "Task");
		this.state = h("span");
		this.told = h("p", { class: "told", role: "status" }, "Reading …");
		this.buttons = h("div", { class: "buttons" });
		this.bar = h("progress", { max: "1", hidden: true, "aria-label": "Progress" });
		this.facts = h("dl", { class: "factlist" });
		this.args = h("section", { class: "panel" });
		this.attempts = h("section", { class: "panel" });
		this.result = h("section", { class: "panel", hidden: true });
		this.panels = h("div", { class: "panels", hidden: true }, this.facts, this.attempts, this.result, this.args);
		fill(room, h("div", { class: "head" }, this.title, this.state, this.buttons),
			h("p", { class: "idline" }, h("code", null, id), " ", copyButton(id, "the id")),
			this.bar, this.told, this.panels);
		this.load();
	}

	close() {
		this.controller.abort();
		this.#endFollowing();
		this.details?.stop();
	}

	#endFollowing() {
		this.stream?.close();
		this.poll?.stop();
		clearInterval(this.clock);
		document.removeEventListener("visibilitychange", this.onVisibility);
	}

	/* The first look; until it succeeds, it is tried again as a poll is. */
	load() {
		this.poll = new Poll(async () => {
			const [task, submission] = await Promise.all([
				read(`/tasks/submissions/${this.id}`, this.controller.signal),
				read(`/tasks/${this.id}/submission`, this.controller.signal)]);
			this.poll.stop();
			this.submission = submission;
			this.#showSubmission();
			this.panels.hidden = false;
			say(this.told, "");
			this.#update(task);
			if (!FINAL.includes(task.status))
				this.#follow();
		}, ASK_EVERY_MS, (error) => {
			if (error instanceof Problem && error.status === 404) {
				this.poll.stop();
				say(this.told, "There is no task with this id. It may have been deleted: what is completed is kept for a time only.");
			} else if (error && !this.submission) {
				say(this.told, error.message);
			}
		});
	}

	#follow() {
		this.clock = setInterval(() => this.#tick(), 1000);
		this.onVisibility = () => (document.hidden ? this.stream.close() : this.#listen());
		document.addEventListener("visibilitychange", this.onVisibility);
		this.#listen();
	}

	/*
	 * A hidden page holds no stream: a browser has six connections to a service for all of its pages
	 * together, so a few in the background would keep the one that is seen waiting. A new stream begins
	 * with what the task is by then.
	 */
	#listen() {
		this.poll.stop();
		this.stream?.close();
		const stream = new EventSource(`/tasks/${this.id}/events`);
		this.stream = stream;
		const onEvent = (event) => this.#update(JSON.parse(event.data));
		stream.addEventListener("status", onEvent);
		stream.addEventListener("progress", onEvent);
		// It comes again by itself but for where it was refused.
		stream.addEventListener("error", () => {
			if (stream.readyState === EventSource.CLOSED && !FINAL.includes(this.task.status))
				this.#askInstead();
		});
	}

	#askInstead() {
		this.poll = new Poll(async (signal) => this.#update(await read(`/tasks/submissions/${this.id}`, signal)), ASK_EVERY_MS);
	}

	/* Shows a status, and reads anew what it has changed. */
	#update(task) {
		const before = this.task;
		// Answers may overtake events, so what is older than what is known says nothing.
		if (before && (FINAL.includes(before.status) || task.attempts < before.attempts))
			return;
		this.task = task;
		this.#showTask();
		if (FINAL.includes(task.status))
			this.#endFollowing();
		if (!before || before.status !== task.status || before.attempts !== task.attempts || before.started_at !== task.started_at)
			this.#readDetails();
	}

	/* The attempts, and the result when there is one; until they are had, they are asked for as in a poll. */
	#readDetails() {
		this.details?.stop();
		const details = new Poll(async (signal) => {
			const { attempts } = await read(`/tasks/${this.id}/attempts`, signal);
			this.list = attempts;
			this.#showAttempts();
			if (FINAL.includes(this.task.status))
				await this.#showResult(signal);
			details.stop();
			say(this.told, "");
		}, ASK_EVERY_MS, (error) => {
			if (error)
				say(this.told, error.message);
			if (error instanceof Problem && error.status === 404)
				details.stop();
		});
		this.details = details;
	}

	#tick() {
		if (!document.hidden && this.list)
			this.#showAttempts();
	}

	#showTask() {
		const { task } = this;
		const what = this.submission.type === "factorial" ? `${this.submission.args.n}!` : this.submission.args.url;
		say(this.title, what ?? this.submission.type);
		document.title = `${task.status} – taskq`;
		if (this.state.textContent !== task.status)
			fill(this.state, badge(task.status));
		this.bar.hidden = task.status !== "RUNNING" || task.progress === undefined;
		if (task.progress !== undefined)
			this.bar.value = task.progress;
		this.#showButtons();
		this.#showFacts();
	}

	#showButtons() {
		const { status } = this.task;
		if (this.buttons.dataset.status === status)
			return;
		this.buttons.dataset.status = status;
		fill(this.buttons,
			!FINAL.includes(status) && h("button", { type: "button", class: "danger", onclick: () => this.#confirmCancel() }, "Cancel"),
			(status === "FAILED" || status === "REJECTED") &&
				h("button", { type: "button", onclick: (event) => this.#runAgain(event.target) }, "Run again"),
			h("a", { class: "button quiet", href: `#/submit?from=${this.id}` }, "Submit as new"));
	}

	#showFacts() {
		const { task, submission } = this;
		const waited = between(task.created_at, task.started_at);
		const ran = between(task.started_at, task.finished_at);
		fill(this.facts,
			fact("Type", submission.type),
			fact("Submitted", moment(task.created_at)),
			fact(task.attempts > 1 ? "Latest attempt" : "Started", moment(task.started_at)),
			fact("Finished", moment(task.finished_at)),
			fact(task.attempts > 1 ? "Until then" : "Waited", duration(waited)),
			fact("Ran", duration(ran)),
			fact("Progress", task.status === "RUNNING" && task.progress !== undefined ? `${(task.progress * 100).toFixed(1)} %` : null),
			fact("Attempts", `${task.attempts} of ${submission.retry.max_attempts}`),
			fact("Priority", submission.priority),
			fact("Not before", submission.run_at ? moment(submission.run_at) : null),
			fact("Expires", submission.expires_at ? moment(submission.expires_at) : null),
			fact("Limit of an attempt", submission.timeout_ms ? duration(submission.timeout_ms) : null),
			task.retry_of && fact("Runs again", h("a", { href: `#/tasks/${task.retry_of}` }, task.retry_of)));
	}

	#showSubmission() {
		const text = JSON.stringify(this.submission.args, null, 2);
		fill(this.args, h("h2", null, "Arguments"), h("pre", { tabindex: "0", "aria-label": "Arguments" }, text));
	}

	#showAttempts() {
		const line = timeline(this.task, this.list, Date.now());
		const isSame = this.shown === JSON.stringify(this.list) + this.task.status;
		if (isSame) {
			this.attempts.querySelector(".timeline")?.replaceWith(line);
			return;
		}
		this.shown = JSON.stringify(this.list) + this.task.status;
		const node = this.list.find((one) => one.node)?.node;
		fill(this.attempts, h("h2", null, "Timeline", node && h("span", { class: "note" }, `on ${node}`)), line,
			this.list.length > 0 ? attemptTable(this.list) : h("p", { class: "note" }, "It has not been started."));
	}

	async #showResult(signal) {
		const parts = [h("h2", null, "Result")];
		if (this.task.status !== "SUCCEEDED") {
			const answer = await read(`/tasks/${this.id}`, signal);
			parts.push(h("p", { class: "failure" }, h("b", null, words(answer.result.code)), ` ${answer.result.message}`));
		}
		const response = this.list.at(-1)?.response;
		if (response?.url)
			parts.push(h("p", { class: "note" }, `Answered ${response.status ?? "nothing"} by `, h("span", { class: "url" }, response.url),
				response.redirects > 0 && ` after ${response.redirects} redirect${response.redirects === 1 ? "" : "s"}`));
		if (this.task.status === "SUCCEEDED" || this.list.at(-1)?.code === "http_status")
			parts.push(new Preview(this.id).element);
		fill(this.result, parts);
		this.result.hidden = false;
	}

	#confirmCancel() {
		const dialog = h("dialog", { "aria-labelledby": "cancel-title" },
			h("h2", { id: "cancel-title" }, "Cancel this task?"),
			h("p", null, this.task.status === "RUNNING" ? "It runs. Its attempt is told to end, and the task will have failed." :
				"It waits, and will never run."),
			h("div", { class: "buttons" },
				h("button", { type: "button", onclick: () => dialog.close() }, "Keep it"),
				h("button", { type: "button", class: "danger", onclick: () => {
					dialog.close();
					this.#cancel();
				} }, "Cancel it")));
		dialog.addEventListener("close", () => dialog.remove());
		this.room.append(dialog);
		dialog.showModal();
	}

	async #cancel() {
		try {
			const response = await ask("DELETE", `/tasks/${this.id}`, { headers: { "Content-Type": "application/json" } });
			notice(response.status === 202 ? "It is told to end." : "Cancelled.");
			this.#update(await read(`/tasks/submissions/${this.id}`, this.controller.signal));
		} catch (error) {
			if (!this.controller.signal.aborted)
				notice(error.message, "error");
		}
	}

	/* The same key until there is an answer: pressing twice makes one task. */
	async #runAgain(button) {
		button.disabled = true;
		this.key ??= randomKey();
		try {
			const { id } = await send(`/tasks/${this.id}/retry`, {}, { "Idempotency-Key": this.key });
			notice("It runs again, as a new task.");
			// Who has gone elsewhere meanwhile stays there.
			if (!this.controller.signal.aborted)
				location.hash = `#/tasks/${id}`;
		} catch (error) {
			button.disabled = false;
			notice([error.message, ...(error.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`)].join(" "), "error");
		}
	}
}
