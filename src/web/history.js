// SPDX-License-Identifier: MIT
// The history of figures as the page holds it: columns by name, such as "lanes.cpu.queued", all as
// long as `at`. Only what is new is asked for.

import { read } from "./api.js";

/* The arrays of a nested answer, by their path. */
function flatten(value, path, columns) {
	if (Array.isArray(value)) {
		columns.set(path, value);
		return;
	}
	for (const [name, inner] of Object.entries(value))
		flatten(inner, path ? `${path}.${name}` : name, columns);
}

function sum(values) {
	return values.reduce((total, value) => total + value, 0);
}

export class History {
	/** @stepS: 1 or 60, seconds from row to row */
	constructor(stepS) {
		this.stepS = stepS;
		this.clear();
	}

	clear() {
		this.at = [];
		this.columns = new Map();
	}

	/** update - ask for what is new; returns whether anything was */
	async update(signal) {
		const last = this.at.length > 0 ? `&after_ms=${this.at[this.at.length - 1]}` : "";
		const answer = await read(`/stats/history?step=${this.stepS}${last}`, signal);
		const fresh = answer.at_ms.length;
		if (fresh === 0)
			return false;
		const columns = new Map();
		flatten(answer.series, "", columns);
		const had = this.at.length;
		this.at.push(...answer.at_ms);
		// What appears is new: it was nothing before.
		for (const [name, values] of columns) {
			if (!this.columns.has(name))
				this.columns.set(name, new Array(had).fill(0));
			this.columns.get(name).push(...values);
		}
		for (const values of this.columns.values())
			while (values.length < this.at.length)
				values.push(0);
		this.#trim(answer.rows_max);
		return true;
	}

	#trim(rowsMax) {
		const surplus = this.at.length - rowsMax;
		if (surplus <= 0)
			return;
		this.at.splice(0, surplus);
		for (const values of this.columns.values())
			values.splice(0, surplus);
	}

	/** column - its values; nulls where there is none */
	column(name) {
		return this.columns.get(name) ?? new Array(this.at.length).fill(null);
	}

	/**
	 * bins - the history in steps of several rows, so that a line is no noise: {at, column, rates}
	 * Levels and latencies show their worst, rates their mean.
	 */
	bins(rows) {
		const starts = [];
		const stepMs = rows * this.stepS * 1000;
		this.at.forEach((at, i) => {
			if (i === 0 || Math.floor(at / stepMs) !== Math.floor(this.at[i - 1] / stepMs))
				starts.push(i);
		});
		const ends = starts.map((start, i) => (starts[i + 1] ?? this.at.length) - 1);
		// The last step is shown when it is over: half of it would look like a fall.
		if (starts.length > 1 && this.at.length - starts.at(-1) < rows) {
			starts.pop();
			ends.pop();
		}
		const fold = (values, how) => starts.map((start, i) => how(values.slice(start, ends[i] + 1).filter((value) => value !== null)));
		const spans = this.at.map((_, i) => this.#spanS(i));
		return {
			at: ends.map((end) => this.at[end]),
			column: (name) => fold(this.column(name), (values) => (values.length > 0 ? Math.max(...values) : null)),
			sums: (name) => fold(this.column(name), sum),
			rates: (name) => fold(this.column(name), (values) => (values.length > 0 ? sum(values) : null))
				.map((value, i) => (value === null ? null : value / sum(spans.slice(starts[i], ends[i] + 1)))),
			names: (prefix) => this.names(prefix),
		};
	}

	/** names - of all columns that begin with a prefix, without it */
	names(prefix) {
		return [...this.columns.keys()].filter((name) => name.startsWith(prefix))
			.map((name) => name.slice(prefix.length));
	}

	/* How long a row is. Of the first one nothing tells but the step. */
	#spanS(i) {
		const span = i > 0 ? (this.at[i] - this.at[i - 1]) / 1000 : this.stepS;
		return span > 0 ? span : this.stepS;
	}
}
