// SPDX-License-Identifier: MIT
// The list of tasks, newest first, page by page. Filters and place stand in the address, so a list
// can be bookmarked and the browser's own buttons go back and forth. A page costs the same however
// many tasks there are; nothing here counts them.

import { Problem, read } from "./api.js";
import { badge, cell, fill, h, say } from "./dom.js";
import { NOTHING, ago, between, duration, moment, summary, words } from "./format.js";
import { figures, latestFigures } from "./link.js";

const STATES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "REJECTED"];
const TYPES = ["factorial", "http-fetch"];
const PARAMETERS = ["status", "type", "created_after", "created_before", "url_prefix", "cursor"];
const LIMIT = 50;
/* How long pages without a match are gone through before the reader is asked whether to go on. */
const SEARCH_MS = 10000;
/* How many of them where they were gone through before: what is new, or has ended since. */
const AGAIN_PAGES = 5;
/* Between two looks at a list that follows what happens. */
const FOLLOW_MS = 3000;

/* A field of date and time has no zone: it is the reader's. */
function toField(text) {
	if (!text)
		return "";
	const date = new Date(text);
	if (Number.isNaN(date.getTime()))
		return "";
	return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function fromField(text) {
	const date = new Date(text);
	return text && !Number.isNaN(date.getTime()) ? date.toISOString() : "";
}

function isNone(page) {
	return page.tasks.length === 0 && page.next_cursor !== null;
}

/* Of a task that runs and tells how far it is. */
function isMoving(task) {
	return task.status === "RUNNING" && task.progress !== undefined;
}

/* How long it ran, or how much of it is done. */
function ranCell(task) {
	const ran = between(task.started_at, task.finished_at);
	if (!isMoving(task))
		return cell("Ran", "number", ran === null ? NOTHING : duration(ran));
	const done = `${Math.floor(task.progress * 100)} %`;
	return cell("Ran", "number", done,
		h("progress", { max: "1", value: task.progress, "aria-label": `Progress of ${task.id}`, title: done }));
}

function taskRow(task, now) {
	const what = summary(task.type, task.args);
	return h("tr", null,
		cell("Status", null, badge(task.status)),
		cell("Task", "what", h("a", { href: `#/tasks/${task.id}`, title: what }, what),
			h("small", null, `${task.type} ${task.id}`)),
		cell("Created", "number", h("time", { datetime: task.created_at, title: moment(task.created_at) }, ago(task.created_at, now))),
		ranCell(task),
		cell("Attempts", "number", task.attempts),
		cell("Failure", null, task.code ? words(task.code) : NOTHING));
}

export class TaskList {
	constructor(room, query) {
		this.query = new URLSearchParams(PARAMETERS.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
		this.controller = new AbortController();
		this.body = h("tbody");
		this.told = h("p", { class: "told", role: "status" });
		this.pages = h("nav", { class: "pages", "aria-label": "Pages of the list" });
		this.follow = h("input", { type: "checkbox", checked: !this.query.has("cursor"), disabled: this.query.has("cursor") });
		fill(room,
			h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Tasks"),
				h("label", { class: "check" }, this.follow, " Follow new ones")),
			h("details", { class: "filterbox", open: this.query.toString() !== "" || matchMedia("(min-width: 761px)").matches },
				h("summary", null, "Filters"), this.#filters()),
			h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tasks, newest first" },
				h("table", { class: "list" },
					h("thead", null, h("tr", null, ["Status", "Task", "Created", "Ran", "Attempts", "Failure"].map((name) =>
						h("th", { scope: "col", class: ["Created", "Ran", "Attempts"].includes(name) ? "number" : null }, name)))),
					this.body)),
			this.told, this.pages);
		this.onStats = (event) => this.#onStats(event.detail);
		this.onBack = () => this.load(true);
		figures.addEventListener("stats", this.onStats);
		figures.addEventListener("back", this.onBack);
		this.load();
	}

	close() {
		this.controller.abort();
		figures.removeEventListener("stats", this.onStats);
		figures.removeEventListener("back", this.onBack);
	}

	#filters() {
		const chosen = new Set((this.query.get("status") ?? "").split(",").filter(Boolean));
		this.form = h("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => {
			event.preventDefault();
			this.#apply();
		}, onchange: () => this.#apply() },
			h("fieldset", { class: "chips" }, h("legend", null, "Status"), STATES.map((state) =>
				h("label", null, h("input", { type: "checkbox", name: "status", value: state, checked: chosen.has(state) }),
					h("span", { "data-status": state }, state)))),
			h("label", null, "Type", h("select", { name: "type" }, h("option", { value: "" }, "Any"),
				TYPES.map((type) => h("option", { value: type, selected: this.query.get("type") === type }, type)))),
			h("label", null, "Created from", h("input", { type: "datetime-local", step: "1", name: "created_after", value: toField(this.query.get("created_after")) })),
			h("label", null, "Created before", h("input", { type: "datetime-local", step: "1", name: "created_before", value: toField(this.query.get("created_before")) })),
			h("label", { class: "wide" }, "URL begins with", h("input", { type: "text", name: "url_prefix", value: this.query.get("url_prefix") ?? "",
				maxlength: "512", spellcheck: "false", autocomplete: "off", placeholder: "https://" })),
			h("a", { class: "button quiet", href: "#/tasks" }, "Clear"));
		return this.form;
	}

	/* The address is changed, and the list is made anew from it. */
	#apply() {
		const form = new FormData(this.form);
		const query = new URLSearchParams();
		const values = {
			status: form.getAll("status").join(","),
			type: form.get("type"),
			created_after: fromField(form.get("created_after")),
			created_before: fromField(form.get("created_before")),
			url_prefix: form.get("url_prefix"),
		};
		for (const [name, value] of Object.entries(values))
			if (value)
				query.set(name, value);
		this.query = query;
		const address = `#/tasks${query.toString() ? `?${query}` : ""}`;
		history.replaceState(null, "", address);
		this.follow.disabled = false;
		this.follow.checked = true;
		this.load();
	}

	#path(cursor) {
		const query = new URLSearchParams(this.query);
		query.set("limit", LIMIT);
		if (cursor)
			query.set("cursor", cursor);
		return `/tasks?${query}`;
	}

	/**
	 * load - read the page that the address says; a later call overtakes an earlier one
	 * @isAgain: what was searched through already is not searched again
	 */
	async load(isAgain) {
		this.controller.abort();
		const controller = new AbortController();
		const path = this.#path();
		this.controller = controller;
		this.loadedAt = Date.now();
		this.isLoading = true;
		this.seen = this.#mark(latestFigures());
		try {
			this.#show(await this.#search(path, isAgain && this.shown === path, controller.signal));
			this.shown = path;
		} catch (error) {
			if (!controller.signal.aborted)
				this.#fail(error, path);
		} finally {
			if (this.controller === controller)
				this.isLoading = false;
		}
	}

	/*
	 * The first page that has a match. The service looks at so many tasks for an answer and no more,
	 * so the few failures among a million are found in many small steps.
	 */
	async #search(path, isAgain, signal) {
		const end = Date.now() + SEARCH_MS;
		const foundAt = isAgain ? this.foundAt : null;
		let page = await read(path, signal);
		this.foundAt = null;
		for (let pages = 1; isNone(page) && Date.now() < end && !(foundAt && pages > AGAIN_PAGES); pages++) {
			say(this.told, "Searching further back …");
			this.foundAt = foundAt && pages === AGAIN_PAGES ? foundAt : page.next_cursor;
			page = await read(this.#path(this.foundAt), signal);
		}
		return page;
	}

	#show(page) {
		const now = Date.now();
		fill(this.body, page.tasks.map((task) => taskRow(task, now)));
		this.isMoving = page.tasks.some(isMoving);
		const hasMore = page.next_cursor !== null;
		const isFirst = !this.query.has("cursor");
		say(this.told, page.tasks.length > 0 ? "" : hasMore ? "Nothing found so far; there is more to search." :
			isFirst && this.query.toString() === "" ? "There are no tasks yet. Submit one." : "No task is as asked for.");
		const newest = new URLSearchParams(this.query);
		newest.delete("cursor");
		const next = new URLSearchParams(this.query);
		next.set("cursor", page.next_cursor);
		fill(this.pages, !isFirst && h("a", { class: "button", href: `#/tasks?${newest}` }, "Newest"),
			hasMore && h("a", { class: "button", href: `#/tasks?${next}`, rel: "next" }, page.tasks.length > 0 ? "Older" : "Search on"));
	}

	/* What was read before stays to be seen, unless it was asked for something else. */
	#fail(error, path) {
		if (this.shown !== path)
			fill(this.body);
		fill(this.pages, h("button", { type: "button", onclick: () => this.load() }, "Try again"));
		say(this.told, error instanceof Problem || error.message ? error.message : "The list cannot be read.");
	}

	/* What changes whenever a task does, as the service's memory has it; progress alone is not in it. */
	#mark(stats) {
		return stats && `${stats.store.commits} ${JSON.stringify(stats.tasks)}`;
	}

	#onStats(stats) {
		const hasNews = this.isMoving || this.#mark(stats) !== this.seen;
		if (!this.isLoading && this.follow.checked && !this.follow.disabled && hasNews &&
			Date.now() - this.loadedAt >= FOLLOW_MS && !this.body.contains(document.activeElement))
			this.load(true);
	}
}
