// SPDX-License-Identifier: MIT
// One chart with its heading, and a legend that has the latest values: what a chart shows can be
// read without seeing it. Drawn by Chart.js.

import { fill, h, say } from "./dom.js";
import { NOTHING, clock } from "./format.js";

const Chart = globalThis.Chart;

/* Ticks at round times, for the ranges that there are. */
const TICKS = [[12 * 60e3, 2 * 60e3], [90 * 60e3, 10 * 60e3], [8 * 3600e3, 3600e3], [Infinity, 4 * 3600e3]];

const LONE_POINT_RADIUS = 1.5;

function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function stepFor(rangeMs) {
	return TICKS.find(([most]) => rangeMs <= most)[1];
}

function axes(plot) {
	const tick = { color: colour("--muted"), font: { size: 11, family: "system-ui, sans-serif" } };
	const grid = { color: colour("--grid"), drawBorder: false };
	return {
		x: {
			type: "linear",
			offset: false,
			grid: { ...grid, drawOnChartArea: false, drawTicks: true, tickLength: 3 },
			ticks: { ...tick, maxRotation: 0, includeBounds: false, callback: (ms) => clock(ms) },
			stacked: plot.stacked,
		},
		y: {
			beginAtZero: true,
			suggestedMax: plot.least,
			max: plot.most,
			grid: { ...grid, drawTicks: false },
			ticks: { ...tick, maxTicksLimit: 4, padding: 6, callback: (value) => plot.axis(value) },
			stacked: plot.stacked,
		},
	};
}

/* Without a neighbour it is no end of a line, and would not be seen. */
function isAlone(points, i) {
	return points[i].y !== null && (points[i - 1]?.y ?? null) === null && (points[i + 1]?.y ?? null) === null;
}

/**
 * Plot - a chart of lines, or of bars that stand on each other
 * @title, @note: the heading, and what it means
 * @format, @axis: of a value as text, and where it stands at the axis
 * @stacked:      bars
 * @least, @most: what the axis goes to at least, and exactly
 */
export class Plot {
	constructor({ title, note, format, axis = format, stacked = false, least, most }) {
		Object.assign(this, { title, format, axis, stacked, least, most });
		this.series = [];
		this.canvas = h("canvas", { role: "img", "aria-label": title });
		this.legend = h("ul", { class: "legend" });
		this.empty = h("p", { class: "empty" }, "Nothing in this range");
		this.element = h("figure", { class: "plot" },
			h("figcaption", null, h("h3", null, title), h("span", { class: "note" }, note)),
			this.legend, h("div", { class: "canvas" }, this.canvas, this.empty));
	}

	/**
	 * show - draw
	 * @series: {name, colour, values, latest, dash, hasNoLegend}; `latest` is what the legend says
	 * @at:     when each value was
	 * @from, @to: the range, in milliseconds
	 */
	show(series, at, from, to) {
		this.series = series;
		this.#showLegend();
		const isEmpty = !series.some((one) => one.values.some((value, i) =>
			value !== null && (!this.stacked || value > 0) && at[i] >= from));
		this.empty.hidden = !isEmpty;
		const datasets = series.map((one) => this.#dataset(one, at, from));
		if (!this.chart)
			this.#make();
		// The same objects are given new data, so that nothing is built anew each second.
		const shown = this.chart.data.datasets;
		datasets.forEach((dataset, i) => {
			if (shown[i])
				Object.assign(shown[i], dataset);
			else
				shown.push(dataset);
		});
		shown.length = datasets.length;
		const x = this.chart.options.scales.x;
		x.min = from;
		x.max = to;
		x.ticks.stepSize = stepFor(to - from);
		this.chart.update("none");
	}

	#dataset(one, at, from) {
		const points = [];
		for (let i = 0; i < at.length; i++)
			if (at[i] >= from)
				points.push({ x: at[i], y: one.values[i] });
		const ink = colour(one.colour);
		return this.stacked ?
			{ label: one.name, data: points, backgroundColor: ink, barPercentage: 1, categoryPercentage: 1, minBarLength: 1 } :
			{ label: one.name, data: points, borderColor: ink, backgroundColor: ink, borderDash: one.dash ?? [],
				pointRadius: points.map((_, i) => isAlone(points, i) ? LONE_POINT_RADIUS : 0) };
	}

	#showLegend() {
		const listed = this.series.filter((one) => !one.hasNoLegend);
		const items = listed.map((one) => {
			const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
			swatch.style.setProperty("color", `var(${one.colour})`);
			if (one.dash)
				swatch.classList.add("dashed");
			return h("li", null, swatch, h("span", { class: "name" }, one.name), h("b", null, one.latest ?? NOTHING));
		});
		fill(this.legend, items);
		const told = listed.map((one) => `${one.name} ${one.latest ?? "none"}`).join(", ");
		const label = `${this.title}. Latest: ${told || "none"}`;
		if (this.canvas.getAttribute("aria-label") !== label)
			this.canvas.setAttribute("aria-label", label);
	}

	#make() {
		this.chart = new Chart(this.canvas, {
			type: this.stacked ? "bar" : "line",
			data: { datasets: [] },
			options: {
				animation: false,
				responsive: true,
				maintainAspectRatio: false,
				parsing: false,
				normalized: true,
				spanGaps: false,
				interaction: { mode: "index", intersect: false },
				elements: {
					point: { hoverRadius: 3, hitRadius: 0 },
					line: { borderWidth: 1.5, tension: 0, borderJoinStyle: "round" },
				},
				scales: axes(this),
				plugins: {
					legend: { display: false },
					tooltip: {
						animation: false,
						boxPadding: 4,
						callbacks: {
							title: (items) => (items.length > 0 ? clock(items[0].parsed.x, true) : ""),
							label: (item) => `${item.dataset.label}: ${this.format(item.parsed.y)}`,
						},
					},
				},
			},
		});
	}

	/** recolour - the colours have changed */
	recolour() {
		if (!this.chart)
			return;
		const scales = axes(this);
		const { min, max } = this.chart.options.scales.x;
		scales.x.min = min;
		scales.x.max = max;
		scales.x.ticks.stepSize = stepFor(max - min);
		this.chart.options.scales = scales;
		this.series.forEach((one, i) => {
			const ink = colour(one.colour);
			Object.assign(this.chart.data.datasets[i], { borderColor: ink, backgroundColor: ink });
		});
		this.chart.update("none");
	}

	destroy() {
		this.chart?.destroy();
		say(this.empty, "");
	}
}
