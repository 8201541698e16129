// SPDX-License-Identifier: MIT
// A task's attempts: on one line of time from its submission to its end, and each with its phases.
// Widths are set by script; the style sheet has the colours.

import { cell, h } from "./dom.js";
import { NOTHING, between, bytes, clock, duration, moment, words } from "./format.js";

/* In the order in which they happen. What is left after the first byte is the transfer. */
const PHASES = [["dns", "Name"], ["connect", "Connection"], ["tls", "TLS"], ["first_byte", "First byte"]];

function ms(text) {
	return new Date(text).getTime();
}

function segment(kind, from, to, span, title) {
	const element = h("span", { class: "segment", "data-kind": kind, title });
	element.style.setProperty("left", `${100 * from / span}%`);
	element.style.setProperty("width", `max(2px, ${100 * (to - from) / span}%)`);
	return element;
}

/** timeline - waiting and attempts on one line */
export function timeline(task, attempts, now) {
	const from = ms(task.created_at);
	const ends = attempts.map((one) => (one.ended_at ? ms(one.ended_at) : now));
	const to = Math.max(task.finished_at ? ms(task.finished_at) : now, from + 1, ...ends);
	const span = to - from;
	const line = h("div", { class: "line", "aria-hidden": "true" });
	let at = from;
	attempts.forEach((one, i) => {
		const start = ms(one.started_at);
		if (start > at)
			line.append(segment("waiting", at - from, start - from, span, `Waited ${duration(start - at)}`));
		line.append(segment(one.outcome, start - from, Math.max(ends[i], start) - from, span,
			`Attempt ${one.attempt}: ${one.outcome}, ${duration(ends[i] - start)}`));
		at = Math.max(at, ends[i]);
	});
	if (to > at)
		line.append(segment("waiting", at - from, to - from, span, `Waited ${duration(to - at)}`));
	return h("div", { class: "timeline" }, line,
		h("div", { class: "scale", "aria-hidden": "true" },
			h("span", null, clock(from, true)), h("span", null, duration(span)), h("span", null, clock(to, true))));
}

/* The phases of an answer, as far as they are known, in milliseconds. */
function phasesOf(response) {
	const timing = response?.timing_ms;
	if (!timing || !(timing.total > 0))
		return [];
	const phases = PHASES.map(([name, label]) => ({ name, label, ms: timing[name] ?? 0 })).filter((one) => one.ms > 0);
	const rest = timing.total - phases.reduce((total, one) => total + one.ms, 0);
	if (rest > 0)
		phases.push({ name: "transfer", label: response.redirects > 0 ? "Redirects and transfer" : "Transfer", ms: rest });
	return phases;
}

function phaseBar(response) {
	const phases = phasesOf(response);
	if (phases.length === 0)
		return NOTHING;
	const total = phases.reduce((sum, one) => sum + one.ms, 0);
	let at = 0;
	const bar = h("div", { class: "line thin", "aria-hidden": "true" }, phases.map((one) => {
		const element = segment(one.name, at, at + one.ms, total, `${one.label} ${duration(one.ms)}`);
		at += one.ms;
		return element;
	}));
	return [bar, h("ul", { class: "phases" }, phases.map((one) =>
		h("li", null, h("i", { "data-kind": one.name, "aria-hidden": "true" }), `${one.label} ${duration(one.ms)}`)))];
}

function answered(response) {
	if (!response)
		return NOTHING;
	return [response.status && `HTTP ${response.status}`, response.bytes !== undefined && bytes(response.bytes)]
		.filter(Boolean).join(", ") || NOTHING;
}

function attemptRow(one) {
	const took = between(one.started_at, one.ended_at);
	return h("tr", null,
		cell("Attempt", "number", one.attempt),
		cell("Outcome", null, h("span", { class: "badge", "data-status": one.outcome }, one.outcome)),
		cell("Started", "number", moment(one.started_at)),
		cell("Took", "number", took === null ? NOTHING : duration(took)),
		cell("Answer", null, answered(one.response)),
		cell("Phases", "phasecell", phaseBar(one.response)),
		cell("Failure", "message", one.code ? h("b", null, words(one.code)) : NOTHING,
			one.message && ` ${one.message}`));
}

/** attemptTable - one row for each */
export function attemptTable(attempts) {
	const columns = ["Attempt", "Outcome", "Started", "Took", "Answer", "Phases", "Failure"];
	return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Attempts" },
		h("table", { class: "list" },
			h("thead", null, h("tr", null, columns.map((name) => h("th", { scope: "col", class: ["Attempt", "Started", "Took"].includes(name) ? "number" : null }, name)))),
			h("tbody", null, attempts.map(attemptRow))));
}
