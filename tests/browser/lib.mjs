// SPDX-License-Identifier: MIT
// What the browser tests share: the daemon as a process, an origin to fetch from, a browser whose
// every complaint is kept, and conditions to wait for.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(path.join(path.resolve(process.env.BROWSER_MODULES), "package.json"));
const { chromium } = require("playwright-core");
const AXE = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

export const PATIENCE_MS = 20000;
const PROGRAM = path.resolve(process.env.TASKQD);

/** Daemon - one data directory; start() again is a new process on it, at the same port */
export class Daemon {
	constructor(...options) {
		this.options = options;
		this.port = 0;
	}

	async start() {
		this.directory ??= await mkdtemp(path.join(tmpdir(), "taskq-browser-"));
		this.process = spawn(PROGRAM, ["--listen", `127.0.0.1:${this.port}`, "--data-dir", this.directory,
			"--fetch-allow", "127.0.0.0/8", ...this.options], { stdio: ["ignore", "pipe", "pipe"] });
		this.log = "";
		this.process.stderr.on("data", (data) => { this.log += data; });
		const [line] = await once(createInterface(this.process.stdout), "line");
		this.port = Number(/:([0-9]+)$/.exec(line)[1]);
		this.base = `http://127.0.0.1:${this.port}`;
		return this;
	}

	/** end - by a signal; resolves when the process has ended */
	async end(signal = "SIGTERM") {
		if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null)
			return;
		const ended = once(this.process, "exit");
		this.process.kill(signal);
		await ended;
	}

	async close() {
		await this.end("SIGKILL");
		if (this.directory)
			await rm(this.directory, { recursive: true, force: true });
	}

	async submit(type, args, more = {}) {
		const response = await fetch(`${this.base}/tasks/submissions`, { method: "POST",
			headers: { "Content-Type": "application/json" }, body: JSON.stringify({ type, args, ...more }) });
		if (response.status !== 202)
			throw new Error(`${response.status} ${await response.text()}`);
		return (await response.json()).id;
	}

	/** wait - until a task has ended; its status */
	async wait(id) {
		for (;;) {
			const task = await (await fetch(`${this.base}/tasks/submissions/${id}?wait=20`)).json();
			if (!["QUEUED", "RUNNING"].includes(task.status))
				return task.status;
		}
	}
}

export const HOSTILE = "<script>window.hacked=1</script><img src=x onerror=\"window.hacked=2\">";

/** origin - a server to fetch from */
export async function openOrigin() {
	const held = new Set();
	const server = http.createServer((request, response) => {
		const { pathname } = new URL(request.url, "http://origin");
		if (pathname === "/held") {
			// Its header and a part are sent, and the rest when somebody lets go.
			response.writeHead(200, { "Content-Length": "1000" });
			response.write("x".repeat(500));
			held.add(response);
			response.on("close", () => held.delete(response));
		} else if (pathname === "/binary") {
			response.writeHead(200, { "Content-Type": "image/png" });
			response.end(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 255]));
		} else if (pathname === "/empty") {
			response.writeHead(200, { "Content-Type": "text/plain" });
			response.end();
		} else {
			response.writeHead(pathname.startsWith("/missing") ? 404 : 200, { "Content-Type": "text/html" });
			response.end(`${HOSTILE} says ${request.headers["x-word"] ?? "nothing"}`);
		}
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		url: (rest) => `http://127.0.0.1:${server.address().port}${rest}`,
		held,
		close: () => {
			server.closeAllConnections();
			server.close();
		},
	};
}

export async function openBrowser() {
	return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
}

/**
 * openPage - a page of its own, which keeps what it complains of and whom it asks
 * While the service is meant to be away, `page.allows(/…/)` names what may be said.
 */
export async function openPage(browser, options = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "Asia/Kolkata", ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(PATIENCE_MS);
	page.complaints = [];
	page.asked = [];
	page.allows = (pattern) => { page.allowed = pattern; };
	const complain = (text) => {
		if (!page.allowed?.test(text))
			page.complaints.push(text);
	};
	page.on("console", (message) => {
		if (message.type() === "error" || message.type() === "warning")
			complain(`console: ${message.text()}`);
	});
	page.on("pageerror", (error) => complain(`error: ${error.stack}`));
	page.on("dialog", (dialog) => {
		complain(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	page.on("request", (request) => page.asked.push(request.url()));
	await context.addInitScript(() => {
		window.violations = [];
		document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
	});
	return page;
}

/** faultsOf - what axe finds on a page, of what hinders people seriously */
export async function faultsOf(page) {
	// By the debugger, so that the page's own policy does not have to allow it.
	await page.evaluate(AXE);
	return page.evaluate(async () => {
		const found = await window.axe.run(document, { resultTypes: ["violations"] });
		return found.violations.filter((one) => one.impact === "serious" || one.impact === "critical")
			.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).slice(0, 3).join(" | ")}`);
	});
}

/** until - wait for a condition, looked at again and again */
export async function until(condition, what) {
	const end = Date.now() + PATIENCE_MS;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`waited in vain: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
