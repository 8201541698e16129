// SPDX-License-Identifier: MIT
// The form for a new task. The service judges it: what it finds is shown at the field that it names,
// so there is one set of rules and not two.

import { Problem, randomKey, read, send } from "./api.js";
import { fill, h, notice, say } from "./dom.js";

/* Fields by the pointer that a fault of theirs has. */
const FIELDS = [
	{ pointer: "/args/n", name: "n", label: "n", hint: "computes n!, exact to the last digit", type: "factorial", inputmode: "numeric", maxlength: 4096 },
	{ pointer: "/args/url", name: "url", label: "URL", hint: "http or https, without user name and password", type: "http-fetch", inputmode: "url", wide: true, maxlength: 8192 },
	{ pointer: "/args/headers", name: "headers", label: "Header fields", hint: "one a line: Accept: text/html", type: "http-fetch", lines: true, wide: true },
	{ pointer: "/args/max_bytes", name: "max_bytes", label: "At most bytes", type: "http-fetch", number: true },
	{ pointer: "/args/max_redirects", name: "max_redirects", label: "At most redirects", type: "http-fetch", number: true },
	{ pointer: "/priority", name: "priority", label: "Priority", hint: "0 is first, 9 last", number: true, more: true, placeholder: "5" },
	{ pointer: "/timeout_ms", name: "timeout_ms", label: "Limit of an attempt", unit: "ms", number: true, more: true },
	{ pointer: "/delay_ms", name: "delay_ms", label: "Start after", unit: "ms", number: true, more: true },
	{ pointer: "/run_at", name: "run_at", label: "Or not before", hint: "2026-01-02T03:04:05Z", more: true },
	{ pointer: "/ttl_ms", name: "ttl_ms", label: "Expires after", unit: "ms", number: true, more: true },
	{ pointer: "/expires_at", name: "expires_at", label: "Or at", hint: "2026-01-02T03:04:05Z", more: true },
	{ pointer: "/retry/max_attempts", name: "max_attempts", label: "Attempts", number: true, more: true },
	{ pointer: "/retry/backoff_ms", name: "backoff_ms", label: "First pause", unit: "ms", number: true, more: true },
	{ pointer: "/retry/max_backoff_ms", name: "max_backoff_ms", label: "Longest pause", unit: "ms", number: true, more: true },
];

/* A number as JSON has it where it is one; else as it was written, for the service to say what is wrong. */
function numberOf(text) {
	return /^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?$/.test(text) ? Number(text) : text;
}

/* A Problem is thrown where a name stands twice: the JSON that is sent can have one of them alone. */
function headersOf(text) {
	const headers = {};
	for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon).trim();
		if (Object.hasOwn(headers, name))
			throw new Problem(400, { detail: "Nothing was sent.",
				errors: [{ pointer: `/args/headers/${name}`, detail: "stands there twice; put both values in one line" }] });
		// An own property, whatever the name is.
		Object.defineProperty(headers, name, { value: colon < 0 ? "" : line.slice(colon + 1).trim(),
			enumerable: true, configurable: true, writable: true });
	}
	return headers;
}

function textOfHeaders(headers) {
	return Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

/* Puts a value where a pointer says. */
function place(body, pointer, value) {
	const names = pointer.slice(1).split("/");
	let at = body;
	for (const name of names.slice(0, -1))
		at = at[name] ??= {};
	at[names.at(-1)] = value;
}

function valueAt(body, pointer) {
	return pointer.slice(1).split("/").reduce((at, name) => at?.[name], body);
}

export class SubmitPage {
	constructor(room, query) {
		this.fields = new Map(FIELDS.map((field) => [field.pointer, this.#field(field)]));
		this.summary = h("div", { class: "faults", role: "alert", tabindex: "-1", hidden: true });
		this.type = "factorial";
		const groups = { factorial: this.#group("factorial"), "http-fetch": this.#group("http-fetch") };
		this.groups = groups;
		this.more = h("details", null, h("summary", null, "When, and how often"),
			h("div", { class: "fields" }, FIELDS.filter((field) => field.more).map((field) => this.fields.get(field.pointer).element)));
		this.button = h("button", { class: "primary" }, "Submit");
		this.types = h("fieldset", { class: "segments" }, h("legend", null, "Type"),
			["factorial", "http-fetch"].map((type) => h("label", null,
				h("input", { type: "radio", name: "type", value: type, checked: type === this.type, onchange: () => this.#choose(type) }),
				h("span", null, type))));
		this.form = h("form", { class: "submit", novalidate: true, onsubmit: (event) => {
			event.preventDefault();
			this.#submit();
		}, oninput: () => {
			// Another text is another task.
			this.key = null;
		} }, this.types, this.summary, groups.factorial, groups["http-fetch"], this.more,
			h("div", { class: "buttons" }, this.button));
		fill(room, h("h1", { tabindex: "-1" }, "Submit a task"), this.form);
		this.#choose(this.type);
		if (query.get("from"))
			this.#copy(query.get("from"));
	}

	close() {
		this.isClosed = true;
	}

	#group(type) {
		return h("div", { class: "fields" }, FIELDS.filter((field) => field.type === type)
			.map((field) => this.fields.get(field.pointer).element));
	}

	#field(field) {
		const id = `field-${field.name}`;
		const described = [field.hint && `${id}-hint`, `${id}-fault`].filter(Boolean).join(" ");
		const input = h(field.lines ? "textarea" : "input", {
			id, name: field.name, type: field.lines ? null : "text", rows: field.lines ? "3" : null, spellcheck: "false",
			autocomplete: "off", inputmode: field.inputmode ?? (field.number ? "numeric" : null), placeholder: field.placeholder,
			maxlength: field.maxlength, "aria-describedby": described });
		const fault = h("p", { class: "fault", id: `${id}-fault`, hidden: true });
		return { field, input, fault, element: h("div", { class: field.wide ? "field wide" : "field" },
			h("label", { for: id }, field.label, field.unit && h("span", { class: "unit" }, field.unit)), input,
			field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint), fault) };
	}

	#choose(type) {
		this.type = type;
		this.key = null;
		for (const radio of this.types.querySelectorAll("input"))
			radio.checked = radio.value === type;
		for (const [name, group] of Object.entries(this.groups))
			group.hidden = name !== type;
	}

	/* Fills the form with what another task was submitted as. */
	async #copy(id) {
		try {
			const submission = await read(`/tasks/${encodeURIComponent(id)}/submission`);
			if (this.isClosed)
				return;
			this.#choose(submission.type);
			for (const [pointer, { field, input }] of this.fields) {
				const value = valueAt(submission, pointer);
				// Times are the old task's own.
				if (value !== undefined && field.name !== "run_at" && field.name !== "expires_at")
					input.value = field.lines ? textOfHeaders(value) : String(value);
			}
			notice("The form is filled in with what that task was.");
		} catch (error) {
			notice(error.message, "error");
		}
	}

	#body() {
		const body = { type: this.type, args: {} };
		for (const [pointer, { field, input }] of this.fields) {
			const text = input.value.trim();
			if ((field.type && field.type !== this.type) || text === "")
				continue;
			place(body, pointer, field.lines ? headersOf(text) : field.number ? numberOf(text) : text);
		}
		return body;
	}

	async #submit() {
		this.#clearFaults();
		this.button.disabled = true;
		this.key ??= randomKey();
		try {
			const { id } = await send("/tasks/submissions", this.#body(), { "Idempotency-Key": this.key });
			this.key = null;
			// Who has gone elsewhere meanwhile stays there, and is told.
			if (this.isClosed)
				notice(`Submitted as ${id}.`);
			else
				location.hash = `#/tasks/${id}`;
		} catch (error) {
			if (this.isClosed)
				notice(`What was submitted: ${error.message}`, "error");
			else
				this.#showFaults(error);
		} finally {
			this.button.disabled = false;
		}
	}

	#clearFaults() {
		this.summary.hidden = true;
		for (const { input, fault } of this.fields.values()) {
			input.removeAttribute("aria-invalid");
			fault.hidden = true;
			say(fault, "");
		}
	}

	/* The entry whose pointer is the fault's, or the nearest above it: "/args/headers/Host". */
	#entryOf(pointer) {
		for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/")))
			if (this.fields.has(at))
				return { entry: this.fields.get(at), rest: pointer.slice(at.length + 1) };
		return { entry: null, rest: pointer };
	}

	#showFaults(error) {
		const elsewhere = [];
		let first = null;
		for (const one of error.errors ?? []) {
			const { entry, rest } = this.#entryOf(one.pointer);
			if (!entry || (entry.field.type && entry.field.type !== this.type)) {
				elsewhere.push(`${one.pointer || "The submission"} ${one.detail}`);
				continue;
			}
			say(entry.fault, [entry.fault.textContent, rest ? `${rest}: ${one.detail}` : one.detail].filter(Boolean).join("; "));
			entry.fault.hidden = false;
			entry.input.setAttribute("aria-invalid", "true");
			if (entry.field.more)
				this.more.open = true;
			first ??= entry.input;
		}
		const again = error instanceof Problem && error.status === 503 ?
			` Nothing was stored. ${error.retryAfterS ? `Try again in ${error.retryAfterS} s.` : "Try again."}` :
			error instanceof Problem ? "" : " Whether it was stored is not known; submitting again makes no second task.";
		fill(this.summary, h("p", null, `${error.message}${again}`), elsewhere.map((text) => h("p", null, text)));
		this.summary.hidden = false;
		(first ?? this.summary).focus();
	}
}
