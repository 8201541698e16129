// SPDX-License-Identifier: MIT
// The service as the page sees it: requests that end, problems as the service tells them, and how
// the connection is. Nothing here knows what is shown.

const PATIENCE_MS = 15000;

/** Problem - an answer that is none: a status and what the service said about it */
export class Problem extends Error {
	constructor(status, told, retryAfterS) {
		super(told?.detail ?? told?.title ?? `The service answered ${status}.`);
		this.status = status;
		this.type = told?.type ?? "about:blank";
		this.title = told?.title ?? "";
		this.errors = Array.isArray(told?.errors) ? told.errors : [];
		this.retryAfterS = retryAfterS;
	}
}

/** Silence - no answer: the service is away, or does not answer in time */
export class Silence extends Error {
}

async function problemOf(response) {
	let told = null;
	try {
		told = await response.json();
	} catch {
		// The library below the service answers in HTML.
	}
	const after = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
	return new Problem(response.status, told, Number.isFinite(after) ? after : null);
}

/** ask - one request; the response, or a Problem or Silence thrown */
export async function ask(method, path, { body, headers, signal } = {}) {
	const limit = AbortSignal.timeout(PATIENCE_MS);
	let response;
	try {
		response = await fetch(path, {
			method,
			body,
			headers: { Accept: "application/json", ...headers },
			signal: signal ? anyOf(signal, limit) : limit,
			redirect: "error",
		});
	} catch (error) {
		if (signal?.aborted)
			throw error;
		throw new Silence(limit.aborted ? "The service does not answer." : "The service cannot be reached.");
	}
	if (!response.ok)
		throw await problemOf(response);
	return response;
}

/* AbortSignal.any() is not in every browser that this page is for. */
function anyOf(...signals) {
	const controller = new AbortController();
	for (const signal of signals) {
		if (signal.aborted)
			controller.abort(signal.reason);
		signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
	}
	return controller.signal;
}

/** read - GET as JSON; a body that breaks off is silence too */
export async function read(path, signal) {
	const response = await ask("GET", path, { signal });
	try {
		return await response.json();
	} catch (error) {
		if (signal?.aborted)
			throw error;
		throw new Silence("The answer broke off.");
	}
}

/** send - POST JSON */
export async function send(path, value, headers) {
	const response = await ask("POST", path, {
		body: JSON.stringify(value),
		headers: { "Content-Type": "application/json", ...headers },
	});
	return response.json();
}

/** randomKey - for Idempotency-Key; also where the page is not on a secure origin */
export function randomKey() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 30000;

/**
 * Poll - asks again and again while the page is seen
 * @look: an async function of an AbortSignal
 * A failure doubles the pause, up to half a minute, with some chance in it so that many pages do not
 * come back together; the service's own Retry-After wins where it is longer. A hidden page asks
 * nothing, and asks at once when it is seen again.
 */
export class Poll {
	#look;
	#everyMs;
	#report;
	#timer = null;
	#running = null;
	#failures = 0;
	#stopped = false;
	#seen = () => this.#onVisibility();

	constructor(look, everyMs, report) {
		this.#look = look;
		this.#everyMs = everyMs;
		this.#report = report ?? (() => {});
		document.addEventListener("visibilitychange", this.#seen);
		this.now();
	}

	stop() {
		this.#stopped = true;
		clearTimeout(this.#timer);
		this.#running?.abort();
		document.removeEventListener("visibilitychange", this.#seen);
	}

	/** now - ask at once, unless it is being asked */
	now() {
		if (this.#stopped || this.#running || document.hidden)
			return;
		clearTimeout(this.#timer);
		this.#go();
	}

	#onVisibility() {
		if (document.hidden)
			clearTimeout(this.#timer);
		else
			this.now();
	}

	async #go() {
		const controller = new AbortController();
		let pauseMs = this.#everyMs;
		this.#running = controller;
		try {
			await this.#look(controller.signal);
			this.#failures = 0;
			if (!this.#stopped)
				this.#report(null, 0);
		} catch (error) {
			if (this.#stopped || controller.signal.aborted)
				return;
			if (!(error instanceof Problem || error instanceof Silence))
				console.error(error);
			pauseMs = this.#pauseAfter(error);
			this.#report(error, pauseMs);
		} finally {
			this.#running = null;
		}
		if (!this.#stopped && !document.hidden)
			this.#timer = setTimeout(() => this.#go(), pauseMs);
	}

	#pauseAfter(error) {
		const most = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
		const pauseMs = most * (0.75 + Math.random() / 2);
		return Math.max(pauseMs, this.#everyMs, (error.retryAfterS ?? 0) * 1000);
	}
}
