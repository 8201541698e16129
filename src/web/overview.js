// SPDX-License-Identifier: MIT
// The overview: what the service does now, and what it did in the last minutes and hours. All of it
// comes from its memory.

import { Poll } from "./api.js";
import { fill, h, say } from "./dom.js";
import { NOTHING, bytes, count, duration, exact, rate, words } from "./format.js";
import { History } from "./history.js";
import { figures, latestFigures } from "./link.js";
import { Plot } from "./plot.js";

const RANGES = [
	{ key: "10m", name: "10 min", ms: 600e3, stepS: 1, rows: 5, everyMs: 2000 },
	{ key: "1h", name: "1 h", ms: 3600e3, stepS: 60, rows: 1, everyMs: 15000 },
	{ key: "6h", name: "6 h", ms: 6 * 3600e3, stepS: 60, rows: 2, everyMs: 15000 },
	{ key: "24h", name: "24 h", ms: 86400e3, stepS: 60, rows: 5, everyMs: 15000 },
];
const STATES = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "REJECTED"];
const LANES = [["cpu", "Factorials"], ["io", "Fetches"]];
const INKS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
const CODES_MAX = INKS.length - 1;

/* The last value that is known. */
function lastOf(values) {
	for (let i = values.length - 1; i >= 0; i--)
		if (values[i] !== null)
			return values[i];
	return null;
}

function sum(values) {
	return values.reduce((total, value) => total + (value ?? 0), 0);
}

/* Each tells a plot its series, from a history. */
const PLOTS = [
	{
		title: "Throughput", note: "tasks per second", format: rate, axis: count, least: 1,
		series: (history) => [["tasks.submitted", "Submitted", "--c1"], ["tasks.succeeded", "Succeeded", "--ok"],
			["tasks.failed", "Failed", "--bad"], ["tasks.refused", "Refused", "--warn", [4, 3]]]
			.map(([column, name, colour, dash]) => {
				const values = history.rates(column);
				return { name, colour, dash, values, latest: rate(lastOf(values)) };
			}),
	},
	{
		title: "Waiting", note: "tasks in each lane", format: count, least: 4,
		series: (history) => LANES.map(([lane, name], i) => {
			const values = history.column(`lanes.${lane}.queued`);
			return { name, colour: INKS[i], values, latest: count(lastOf(values)) };
		}).concat(LANES.map(([lane, name], i) => {
			const values = history.column(`lanes.${lane}.scheduled`);
			return { name: `${name}, for a time`, colour: INKS[i], dash: [4, 3], values, latest: count(lastOf(values)) };
		})),
	},
	{
		title: "Age of the oldest", note: "of those that wait for their lane", format: duration, least: 1000,
		series: (history) => LANES.map(([lane, name], i) => {
			const values = history.column(`lanes.${lane}.oldest_wait_ms`);
			return { name, colour: INKS[i], values, latest: duration(lastOf(values)) };
		}),
	},
	{
		title: "Executors busy", note: "share of all", format: (value) => `${Math.round(value)} %`, least: 100, most: 100,
		series: (history, stats) => LANES.map(([lane, name], i) => {
			const slots = stats?.lanes[lane].slots || 1;
			const busy = history.column(`lanes.${lane}.busy`);
			const values = busy.map((value) => (value === null ? null : 100 * value / slots));
			const now = lastOf(busy);
			return { name, colour: INKS[i], values, latest: now === null ? NOTHING : `${Number(now.toFixed(1))} of ${count(slots)}` };
		}),
	},
	latencyPlot("Time in the queue", "until an attempt began", "wait_ms"),
	latencyPlot("Time to run", "of an attempt", "run_ms"),
	{
		title: "Failures by code", note: "tasks", format: count, stacked: true, least: 4,
		series: failureSeries,
	},
	{
		title: "Inside", note: "commits to disk, answers to requests", format: duration, least: 1,
		series: (history) => [...quantileSeries(history, "commit_ms", "Commits", "--c3"),
			...quantileSeries(history, "http.took_ms", "Answers", "--c1")],
	},
];

/* The three quantiles of a latency in one colour: the slower, the thinner. The legend has them together. */
function quantileSeries(history, column, name, colour) {
	const columns = ["p50", "p95", "p99"].map((quantile) => history.column(`${column}.${quantile}`));
	return columns.map((values, i) => ({ name: i === 0 ? `${name} p50, p95, p99` : `${name} ${["p50", "p95", "p99"][i]}`, colour, values,
		dash: [undefined, [5, 3], [1, 2]][i], hasNoLegend: i > 0,
		latest: columns.map((one) => duration(lastOf(one))).join(", ") }));
}

function latencyPlot(title, note, member) {
	return {
		title, note, format: duration, least: 1,
		series: (history) => [["factorial", "Factorials", "--c1"], ["http-fetch", "Fetches", "--c2"]]
			.flatMap(([type, name, colour]) => quantileSeries(history, `types.${type}.${member}`, name, colour)),
	};
}

/* The codes of which there are most, and the others together. */
function failureSeries(history) {
	const codes = history.names("failed.").map((code) => ({ code, values: history.sums(`failed.${code}`) }))
		.map((one) => ({ ...one, total: sum(one.values) })).filter((one) => one.total > 0)
		.sort((a, b) => b.total - a.total || (a.code < b.code ? -1 : 1));
	const shown = codes.slice(0, CODES_MAX);
	const rest = codes.slice(CODES_MAX);
	if (rest.length > 0)
		shown.push({ code: "others", total: sum(rest.map((one) => one.total)),
			values: history.at.map((_, i) => sum(rest.map((one) => one.values[i]))) });
	return shown.map((one, i) => ({ name: words(one.code), colour: INKS[i], values: one.values, latest: exact(one.total) }));
}

function tile(name, href) {
	const value = h("b", null, NOTHING);
	const small = h("small", null);
	const element = href ? h("a", { class: "tile", href }, h("span", null, name), value, small) :
		h("div", { class: "tile" }, h("span", null, name), value, small);
	return { element, value, small };
}

/* A table whose cells are filled again and again: what is selected in it stays. */
class FactTable {
	constructor(caption, columns, rows) {
		this.rows = rows;
		this.cells = rows.map(() => (columns ?? [""]).map(() => h("td", null, NOTHING)));
		this.element = h("table", { class: "facts" }, h("caption", null, caption),
			columns && h("thead", null, h("tr", null, h("td", null), columns.map((name) => h("th", { scope: "col" }, name)))),
			h("tbody", null, rows.map(([name], i) => h("tr", null, h("th", { scope: "row" }, name), this.cells[i]))));
	}

	show(stats) {
		this.rows.forEach(([, values], i) => [values(stats)].flat()
			.forEach((value, j) => say(this.cells[i][j], value)));
	}
}

function lanesTable() {
	const each = (text) => (stats) => LANES.map(([lane]) => text(stats.lanes[lane]));
	return new FactTable("Lanes", LANES.map(([, name]) => name), [
		["Waiting", each((lane) => exact(lane.queued))],
		["For a time", each((lane) => exact(lane.scheduled))],
		["For a host", each((lane) => exact(lane.deferred))],
		["Running", each((lane) => exact(lane.running))],
		["Executors", each((lane) => exact(lane.slots))],
		["Drained", each((lane) => rate(lane.drained_per_s))],
	]);
}

function refusedText(stats) {
	const refused = Object.entries(stats.admission.refused).filter(([, value]) => value > 0);
	return refused.length === 0 ? "none" :
		refused.map(([reason, value]) => `${exact(value)} ${words(reason)}`).join(", ");
}

/* Facts about the service as a whole, as a list that fills the width. */
class ServiceFacts {
	constructor() {
		this.facts = [
			["Version", (stats) => stats.version],
			["Up for", (stats) => duration(stats.uptime_s * 1000)],
			["Refused", refusedText],
			["Connections", ({ http }) => `${exact(http.connections)} of ${exact(http.connections_max)}`],
			["Waiting requests", ({ http }) => `${exact(http.waiting)} of ${exact(http.waiting_max)}`],
			["Memory", ({ process }) => bytes(process.rss_bytes)],
			["Database", ({ store }) => bytes(store.database_bytes)],
			["Its log", ({ store }) => bytes(store.wal_bytes)],
			["Results kept", ({ kept }) => `${bytes(kept.bytes)}${kept.bytes_max ? ` of ${bytes(kept.bytes_max)}` : ""}`],
		].map(([name, text]) => ({ name, text, value: h("dd", null, NOTHING) }));
		this.element = h("section", { "aria-label": "Service" },
			h("dl", { class: "factlist" }, this.facts.map(({ name, value }) => h("div", null, h("dt", null, name), value))));
	}

	show(stats) {
		this.facts.forEach(({ text, value }) => say(value, text(stats)));
	}
}

export class Overview {
	constructor(room) {
		this.histories = new Map();
		this.range = RANGES[0];
		this.plots = PLOTS.map((terms) => ({ terms, plot: new Plot(terms) }));
		this.tiles = Object.fromEntries(STATES.map((state) => [state,
			tile(state.charAt(0) + state.slice(1).toLowerCase(), `#/tasks?status=${state}`)]));
		this.tables = [lanesTable(), new ServiceFacts()];
		fill(room, h("h1", { class: "unseen", tabindex: "-1" }, "Overview"),
			h("section", { class: "tiles", "aria-label": "All tasks" }, STATES.map((state) => this.tiles[state].element)),
			this.#rangeChoice(),
			h("section", { class: "plots", "aria-label": "History" }, this.plots.map(({ plot }) => plot.element),
				h("div", { class: "plot" }, this.tables[0].element)),
			this.tables[1].element);
		this.onStats = (event) => this.showStats(event.detail);
		this.onColours = () => this.plots.forEach(({ plot }) => plot.recolour());
		figures.addEventListener("stats", this.onStats);
		window.addEventListener("taskq-colours", this.onColours);
		if (latestFigures())
			this.showStats(latestFigures());
		this.#follow();
	}

	close() {
		this.poll.stop();
		figures.removeEventListener("stats", this.onStats);
		window.removeEventListener("taskq-colours", this.onColours);
		this.plots.forEach(({ plot }) => plot.destroy());
	}

	#rangeChoice() {
		return h("fieldset", { class: "segments" }, h("legend", null, "History of the last"),
			RANGES.map((range) => h("label", null,
				h("input", { type: "radio", name: "range", value: range.key, checked: range === this.range, onchange: () => {
					this.range = range;
					this.#follow();
				} }), h("span", null, range.name))));
	}

	/* Both resolutions are kept, so that going back and forth asks for what is new alone. */
	#follow() {
		this.poll?.stop();
		const range = this.range;
		if (!this.histories.has(range.stepS))
			this.histories.set(range.stepS, new History(range.stepS));
		this.history = this.histories.get(range.stepS);
		this.draw();
		this.poll = new Poll(async (signal) => {
			await this.history.update(signal);
			this.draw();
		}, range.everyMs);
	}

	draw() {
		const bins = this.history.bins(this.range.rows);
		const { at } = bins;
		const to = at.length > 0 ? at[at.length - 1] : Date.now();
		for (const { terms, plot } of this.plots)
			plot.show(terms.series(bins, latestFigures()), at, to - this.range.ms, to);
	}

	showStats(stats) {
		if (stats.isAnotherRun) {
			this.histories.forEach((history) => history.clear());
			this.poll?.now();
		}
		for (const state of STATES) {
			say(this.tiles[state].value, count(stats.tasks[state]));
			this.tiles[state].element.title = exact(stats.tasks[state]);
		}
		const { cpu, io } = stats.lanes;
		say(this.tiles.QUEUED.small, `${count(cpu.scheduled + io.scheduled)} for a time`);
		say(this.tiles.RUNNING.small, `${count(cpu.slots)} + ${count(io.slots)} executors`);
		this.tables.forEach((table) => table.show(stats));
	}
}
