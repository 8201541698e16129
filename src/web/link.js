// SPDX-License-Identifier: MIT
// How the service is, for every view: figures are asked for every two seconds, from memory on its
// side, and the line in the bar says what came of it.

import { Poll, Problem, Silence, read } from "./api.js";
import { say } from "./dom.js";
import { duration, words } from "./format.js";

const EVERY_MS = 2000;

/** figures - tells "stats" with the answer of /stats, "away" with an error, "back" after those */
export const figures = new EventTarget();

let latest = null;
let isAway = false;
let nextAt = 0;
let countdown = null;

/** now - the latest figures, or null */
export function latestFigures() {
	return latest;
}

function show(state, text) {
	const element = document.getElementById("link");
	if (element.dataset.state !== state)
		element.dataset.state = state;
	say(document.getElementById("link-text"), text);
}

function showFigures(stats) {
	const reason = stats.admission.state;
	if (reason === "none")
		show("live", "Live");
	else if (reason === "draining")
		show("draining", "Shutting down");
	else
		show("shedding", `Refusing tasks: ${words(reason)}`);
}

/* The line counts down; nothing else on the page moves while the service is away. */
function showAway(error) {
	const left = Math.max(0, nextAt - Date.now());
	const what = error instanceof Problem ? `Answered ${error.status}` : "Not reachable";
	show("away", `${what}; trying again in ${duration(Math.ceil(left / 1000) * 1000)}`);
}

function report(error, pauseMs) {
	clearInterval(countdown);
	if (!error) {
		if (isAway)
			figures.dispatchEvent(new Event("back"));
		isAway = false;
		return;
	}
	isAway = true;
	nextAt = Date.now() + pauseMs;
	showAway(error);
	countdown = setInterval(() => showAway(error), 1000);
	figures.dispatchEvent(new CustomEvent("away", { detail: error }));
}

async function look(signal) {
	const stats = await read("/stats", signal);
	// Something between may answer in the service's place.
	if (![stats?.tasks, stats?.lanes, stats?.admission, stats?.store].every(Boolean))
		throw new Silence("What answers is not the service.");
	// Its time since the start goes back when it was started anew.
	stats.isAnotherRun = latest !== null && stats.uptime_s < latest.uptime_s;
	latest = stats;
	showFigures(stats);
	figures.dispatchEvent(new CustomEvent("stats", { detail: stats }));
}

let poll = null;

/** startLink - begin, once */
export function startLink() {
	poll = new Poll(look, EVERY_MS, report);
	window.addEventListener("online", () => poll.now());
}
