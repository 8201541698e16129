// SPDX-License-Identifier: MIT
// The dashboard in a real browser: everything that it is for, done by pointer and keyboard, and what
// strangers may try with it. Run by tests/browser/run; each function is a case.

import assert from "node:assert/strict";

import { Daemon, HOSTILE, faultsOf, openPage, until } from "./lib.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/* The status in the heading of a task's page. */
function heading(page, status) {
	return page.locator(`.head .badge[data-status="${status}"]`);
}

async function go(page, daemon, address) {
	await page.goto(`${daemon.base}/#${address}`);
}

function linkState(page, state) {
	return page.locator(`#link[data-state="${state}"]`).waitFor();
}

/* Each page, once what it shows is there: axe finds nothing serious, and nothing is wider than the screen. */
async function everyPageIsUsable({ browser, daemon, origin }, options) {
	const id = await daemon.submit("http-fetch", { url: origin.url(`/missing/${"long/".repeat(60)}`) });
	await daemon.wait(id);
	const page = await openPage(browser, options);
	const shown = { "/": "canvas", "/tasks": ".list tbody tr", [`/tasks/${id}`]: ".preview pre", "/submit": "details", "/nothing": "h1" };
	for (const [address, part] of Object.entries(shown)) {
		await go(page, daemon, address);
		await page.locator(part).first().waitFor();
		await linkState(page, "live");
		if (address === "/submit")
			await page.getByText("When, and how often").click();
		assert.deepEqual(await faultsOf(page), [], address);
		const [inner, content] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
		assert.ok(content <= inner, `${address} is ${content} wide in ${inner}`);
	}
	return page;
}

export const tests = {
	async "the overview shows figures and their history"({ browser, daemon }) {
		const page = await openPage(browser);
		await daemon.wait(await daemon.submit("factorial", { n: "100000" }));
		await go(page, daemon, "/");
		await linkState(page, "live");
		await page.locator(".tile b", { hasText: /^[1-9]/ }).first().waitFor();
		assert.equal(await page.locator("canvas").count(), 8);
		// Something is drawn, and told to those who do not see it.
		await page.locator('canvas[aria-label^="Throughput. Latest: Submitted "]').waitFor();
		await until(() => page.locator("canvas").first().evaluate((canvas) =>
			canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0)), "a chart is drawn");
		await page.getByRole("radio", { name: "24 h" }).check();
		await until(() => page.asked.some((url) => url.includes("step=60")), "minutes are asked for");
		return page;
	},

	async "only what is new is asked for, and nothing by a hidden page"({ browser, daemon }) {
		const page = await openPage(browser);
		await page.clock.install();
		await go(page, daemon, "/");
		await until(async () => {
			await page.clock.runFor(2000);
			return page.asked.some((url) => url.includes("after_ms="));
		}, "a second look at the history");
		assert.deepEqual(page.asked.filter((url) => new URL(url).pathname.startsWith("/tasks")), [], "the store is left alone");
		await page.evaluate(() => {
			Object.defineProperty(document, "hidden", { value: true, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));
		});
		// What was under way ends; a round of the browser's own loop later nothing can follow.
		await page.waitForLoadState("networkidle");
		const before = page.asked.length;
		await page.clock.runFor(120000);
		assert.equal(page.asked.length, before);
		await page.evaluate(() => {
			delete document.hidden;
			document.dispatchEvent(new Event("visibilitychange"));
		});
		await until(() => page.asked.length > before, "it asks again when it is seen");
		return page;
	},

	async "a factorial is submitted by keyboard, and its digits are shown"({ browser, daemon }) {
		const page = await openPage(browser);
		await go(page, daemon, "/submit");
		await page.getByLabel("n", { exact: true }).focus();
		await page.keyboard.type("25");
		await page.keyboard.press("Enter");
		await heading(page, "SUCCEEDED").waitFor();
		await page.locator(".preview pre", { hasText: "15511210043330985984000000" }).waitFor();
		const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
		assert.match(page.url(), new RegExp(`${download.suggestedFilename()}$`));
		return page;
	},

	async "what the service finds wrong stands at the field"({ browser, daemon }) {
		const page = await openPage(browser);
		page.allows(/status of 400/);
		await go(page, daemon, "/submit");
		await page.getByLabel("n", { exact: true }).fill("-1");
		await page.getByText("When, and how often").click();
		await page.getByLabel("Priority").fill("10");
		await page.getByLabel("First pause").fill("soon");
		await page.getByLabel("Longest pause").fill("1.5");
		await page.getByRole("button", { name: "Submit" }).click();
		for (const name of ["n", "priority", "backoff_ms", "max_backoff_ms"]) {
			const field = page.locator(`[name="${name}"]`);
			await page.locator(`[name="${name}"][aria-invalid="true"]`).waitFor();
			const described = (await field.getAttribute("aria-describedby")).split(" ").at(-1);
			assert.ok((await page.locator(`#${described}`).textContent()).length > 5, name);
		}
		assert.equal(await page.evaluate(() => document.activeElement.name), "n");
		assert.deepEqual(await faultsOf(page), []);
		// Mended, it goes.
		await page.getByLabel("n", { exact: true }).fill("3");
		for (const label of ["Priority", "First pause", "Longest pause"])
			await page.getByLabel(label).fill("");
		await page.getByRole("button", { name: "Submit" }).click();
		await heading(page, "SUCCEEDED").waitFor();
		return page;
	},

	async "a fetch is submitted with header fields, and nothing that it brings ever runs"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		await go(page, daemon, "/submit");
		await page.getByRole("radio", { name: "http-fetch" }).check();
		await page.getByLabel("URL", { exact: true }).fill(origin.url(`/page?q=%22${encodeURIComponent("'")}${HOSTILE.replaceAll(" ", "%20")}`));
		await page.getByLabel("Header fields").fill(`X-Word: ${HOSTILE}`);
		await page.getByRole("button", { name: "Submit" }).click();
		await heading(page, "SUCCEEDED").waitFor();
		const preview = page.locator(".preview pre");
		await preview.waitFor();
		assert.equal(await preview.textContent(), `${HOSTILE} says ${HOSTILE}`);
		assert.match(await page.getByLabel("Arguments").textContent(), /window\.hacked/);
		assert.match(await page.locator("h1").textContent(), /hacked|%3Cscript|<script/);
		await page.locator(".phases", { hasText: "First byte" }).waitFor();
		await go(page, daemon, "/tasks");
		await page.locator(".what a", { hasText: "hacked" }).first().waitFor();
		assert.equal(await page.evaluate(() => window.hacked), undefined);
		assert.equal(await page.locator("main script, main img, main iframe").count(), 0);
		return page;
	},

	async "failures are shown with their reason and content, and run again"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		const id = await daemon.submit("http-fetch", { url: origin.url("/missing") });
		await daemon.wait(id);
		await go(page, daemon, `/tasks/${id}`);
		await heading(page, "FAILED").waitFor();
		await page.locator(".failure", { hasText: "http status" }).waitFor();
		await page.locator(".preview pre", { hasText: "window.hacked" }).waitFor();
		await page.getByRole("button", { name: "Run again" }).click();
		await page.getByRole("link", { name: id }).waitFor();
		assert.notEqual(new URL(page.url()).hash, `#/tasks/${id}`);
		await page.getByRole("link", { name: "Submit as new" }).click();
		await until(() => page.locator('[name="url"]').inputValue().then((value) => value.endsWith("/missing")), "the form is filled in");
		return page;
	},

	async "a running task is followed, and cancelled"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		const id = await daemon.submit("http-fetch", { url: origin.url("/held") }, { retry: { max_attempts: 1 } });
		await go(page, daemon, `/tasks/${id}`);
		await heading(page, "RUNNING").waitFor();
		await page.locator("dd", { hasText: "50.0 %" }).waitFor();
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("dialog").waitFor();
		assert.deepEqual(await faultsOf(page), []);
		await page.keyboard.press("Escape");
		await until(async () => await page.getByRole("dialog").count() === 0, "Escape keeps it");
		assert.equal(await heading(page, "RUNNING").count(), 1);
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("button", { name: "Cancel it" }).click();
		await heading(page, "FAILED").waitFor();
		await page.locator(".failure", { hasText: "cancelled" }).waitFor();
		return page;
	},

	async "a page that was left, or is hidden, holds no stream"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		const id = await daemon.submit("http-fetch", { url: origin.url("/held") }, { retry: { max_attempts: 1 } });
		await page.addInitScript(() => {
			window.streams = [];
			window.EventSource = class extends EventSource {
				constructor(...terms) {
					super(...terms);
					window.streams.push(this);
				}
			};
		});
		const open = () => page.evaluate(() => window.streams.filter((one) => one.readyState !== EventSource.CLOSED).length);
		const setHidden = (hidden) => page.evaluate((value) => {
			Object.defineProperty(document, "hidden", { value, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));
		}, hidden);
		// Left while it still reads.
		let release;
		const isHeld = new Promise((resolve) => { release = resolve; });
		const asked = page.waitForRequest("**/attempts");
		await page.route("**/attempts", async (route) => {
			await isHeld;
			await route.continue().catch(() => {});
		});
		await go(page, daemon, `/tasks/${id}`);
		await asked;
		await go(page, daemon, "/submit");
		await page.getByRole("heading", { name: "Submit a task" }).waitFor();
		release();
		await page.unrouteAll({ behavior: "wait" });
		await page.waitForLoadState("networkidle");
		assert.equal(await open(), 0);
		await go(page, daemon, `/tasks/${id}`);
		await heading(page, "RUNNING").waitFor();
		await until(async () => await open() === 1, "it is followed");
		await setHidden(true);
		assert.equal(await open(), 0);
		// What happened meanwhile is told when it is seen again.
		await fetch(`${daemon.base}/tasks/${id}`, { method: "DELETE" });
		await daemon.wait(id);
		assert.equal(await heading(page, "RUNNING").count(), 1);
		await setHidden(false);
		await heading(page, "FAILED").waitFor();
		await until(async () => await open() === 0, "it has ended");
		return page;
	},

	async "what cannot be read for a while is read later, and what is there stays"({ browser, daemon }) {
		const page = await openPage(browser);
		page.allows(/status of 503/);
		const refuse = async (route) => route.fulfill({ status: 503, contentType: "application/problem+json",
			body: JSON.stringify({ title: "Away", detail: "Come back soon." }) });
		const id = await daemon.submit("factorial", { n: "20" });
		await daemon.wait(id);
		await page.route("**/attempts", refuse, { times: 1 });
		await page.route("**/result", refuse, { times: 1 });
		await go(page, daemon, `/tasks/${id}`);
		await page.locator(".told", { hasText: "Come back soon." }).waitFor();
		await page.locator(".preview .note", { hasText: "Come back soon." }).waitFor();
		assert.equal(await page.locator(".told").textContent(), "");
		await page.getByRole("button", { name: "Try again" }).click();
		await page.locator(".preview pre", { hasText: "2432902008176640000" }).waitFor();
		await go(page, daemon, "/tasks?type=factorial");
		await page.locator(".list tbody tr").first().waitFor();
		await page.route("**/tasks?*", refuse);
		await daemon.submit("factorial", { n: "21" });
		await page.locator(".told", { hasText: "Come back soon." }).waitFor();
		assert.notEqual(await page.locator(".list tbody tr").count(), 0);
		// But not where something else was asked for.
		await page.getByLabel("URL begins with").fill("http://nothing.example/");
		await page.keyboard.press("Enter");
		await until(async () => await page.locator(".list tbody tr").count() === 0, "what was not asked for is gone");
		await page.unrouteAll();
		return page;
	},

	async "a task that waits is cancelled, too"({ browser, daemon }) {
		const page = await openPage(browser);
		const id = await daemon.submit("factorial", { n: "7" }, { delay_ms: 3600000 });
		await go(page, daemon, `/tasks/${id}`);
		await heading(page, "QUEUED").waitFor();
		await page.getByText("It has not been started.").waitFor();
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("button", { name: "Cancel it" }).click();
		await heading(page, "REJECTED").waitFor();
		return page;
	},

	async "bytes are shown in hexadecimal, and nothing as nothing"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		page.allows(/status of 416/);
		for (const [name, text] of [["/binary", "in hexadecimal"], ["/empty", "0 B"]]) {
			const id = await daemon.submit("http-fetch", { url: origin.url(name) });
			await daemon.wait(id);
			await go(page, daemon, `/tasks/${id}`);
			await page.locator(".preview .note", { hasText: text }).waitFor();
		}
		return page;
	},

	async "the list is filtered and paged, and tells when nothing is found"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		const tasks = Array.from({ length: 60 }, (_, i) => ({ type: "factorial", args: { n: String(i) } }));
		await fetch(`${daemon.base}/tasks/submissions/batch`, { method: "POST", headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ tasks }) });
		await daemon.wait(await daemon.submit("http-fetch", { url: origin.url("/missing/once") }));
		await go(page, daemon, "/tasks");
		await page.locator(".list tbody tr").nth(49).waitFor();
		await page.getByRole("link", { name: "Older" }).click();
		await page.getByRole("link", { name: "Newest" }).waitFor();
		assert.match(page.url(), /cursor=/);
		await page.goBack();
		await until(() => !page.url().includes("cursor="), "back to the first page");
		await page.locator(".chips label", { hasText: "FAILED" }).click();
		await until(() => page.url().includes("status=FAILED"), "the address has the filter");
		await until(async () => await page.locator('.list .badge:not([data-status="FAILED"])').count() === 0, "only failures are left");
		await page.getByLabel("URL begins with").fill(origin.url("/missing/once"));
		await page.keyboard.press("Enter");
		await until(async () => await page.locator(".list tbody tr").count() === 1, "the one task");
		await page.getByLabel("Created from").fill("2099-01-01T00:00");
		await page.getByText("No task is as asked for.").waitFor();
		assert.match(decodeURIComponent(page.url()), /created_after=2098-12-31T18:30:00/);
		await page.reload();
		await page.getByText("No task is as asked for.").waitFor();
		return page;
	},

	async "a match far back is found without asking, and not searched for again"({ browser, daemon }) {
		const page = await openPage(browser);
		const id = await daemon.submit("factorial", { n: "88" });
		await daemon.wait(id);
		const { tasks } = await (await fetch(`${daemon.base}/tasks?type=factorial`)).json();
		// As a service with a long history answers: so many tasks were looked at, and none matched.
		const cursors = [];
		await page.route("**/tasks?*", async (route) => {
			const at = Number(new URL(route.request().url()).searchParams.get("cursor") ?? "0");
			cursors.push(at);
			await route.fulfill({ json: at < 20 ? { tasks: [], next_cursor: String(at + 1) } : { tasks: tasks.slice(0, 1), next_cursor: null } });
		});
		await go(page, daemon, "/tasks?status=FAILED");
		await page.locator(".list tbody tr").waitFor();
		assert.deepEqual(cursors, Array.from({ length: 21 }, (_, i) => i));
		await daemon.submit("factorial", { n: "89" });
		await until(() => cursors.length >= 27, "the list follows");
		assert.deepEqual(cursors.slice(21, 27), [0, 1, 2, 3, 4, 20]);
		await page.unrouteAll({ behavior: "wait" });
		return page;
	},

	async "new tasks come into the list by themselves"({ browser, daemon }) {
		const page = await openPage(browser);
		await go(page, daemon, "/tasks?type=factorial");
		await page.locator(".list tbody tr").first().waitFor();
		const id = await daemon.submit("factorial", { n: "321" });
		await page.locator(".list tbody tr", { hasText: id }).waitFor();
		return page;
	},

	async "the list shows how far what runs is, and follows that though nothing else changes"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		const id = await daemon.submit("http-fetch", { url: origin.url("/held?in-a-list") }, { retry: { max_attempts: 1 } });
		await go(page, daemon, `/tasks?${new URLSearchParams({ url_prefix: origin.url("/held?in-a-list") })}`);
		const row = page.locator(".list tbody tr", { hasText: id });
		await row.getByText("50 %").waitFor();
		assert.deepEqual(await faultsOf(page), []);
		const answer = await until(() => [...origin.held].find((one) => one.req.url.endsWith("in-a-list")), "it is asked for");
		answer.write("x".repeat(250));
		await row.getByText("75 %").waitFor();
		answer.end("x".repeat(250));
		await row.getByText("SUCCEEDED").waitFor();
		assert.equal(await row.locator("progress").count(), 0);
		return page;
	},

	async "a task is found by its id, by keyboard alone"({ browser, daemon }) {
		const page = await openPage(browser);
		page.allows(/status of 404/);
		const id = await daemon.submit("factorial", { n: "12" });
		await daemon.wait(id);
		await go(page, daemon, "/");
		await linkState(page, "live");
		await page.keyboard.press("/");
		await page.keyboard.type(id.toUpperCase());
		await page.keyboard.press("Enter");
		await page.locator(".preview pre", { hasText: "479001600" }).waitFor();
		assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
		await page.keyboard.press("/");
		await page.keyboard.type("nonsense");
		await page.keyboard.press("Enter");
		await page.locator(".notice", { hasText: "neither the id" }).waitFor();
		await go(page, daemon, "/tasks/018f0000-0000-7000-8000-000000000000");
		await page.getByText("There is no task with this id").waitFor();
		return page;
	},

	async "hostile addresses are no views"({ browser, daemon }) {
		const page = await openPage(browser);
		page.allows(/status of 400/);
		for (const address of ["/tasks/<img src=x onerror=window.hacked=1>", "//example.com/", "/tasks/../x", "javascript:window.hacked=1", "/%00"]) {
			await go(page, daemon, address);
			await page.getByRole("heading", { name: "Nothing here" }).waitFor();
		}
		// Filters of the address are text for the service to judge.
		await go(page, daemon, `/tasks?status=${encodeURIComponent(HOSTILE)}&cursor=x`);
		await page.locator(".told", { hasText: "query parameter" }).waitFor();
		assert.equal(await page.evaluate(() => window.hacked), undefined);
		return page;
	},

	async "colours follow the system until the reader chooses, and stay"({ browser, daemon }) {
		const page = await openPage(browser, { colorScheme: "dark" });
		await go(page, daemon, "/");
		const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		const dark = await ground();
		await page.getByLabel("Colours").selectOption("light");
		const light = await ground();
		assert.notEqual(light, dark);
		await page.reload();
		assert.equal(await ground(), light);
		await page.getByLabel("Colours").selectOption("system");
		assert.equal(await ground(), dark);
		await page.emulateMedia({ colorScheme: "light" });
		await until(async () => await ground() === light, "it follows the system");
		return page;
	},

	"every page is usable by everybody, wide and light": (scene) => everyPageIsUsable(scene, { colorScheme: "light" }),
	"every page is usable by everybody, on a phone and dark": (scene) => everyPageIsUsable(scene, { ...PHONE, colorScheme: "dark" }),

	async "a header field that stands twice is told, and neither is dropped"({ browser, daemon, origin }) {
		const page = await openPage(browser);
		await go(page, daemon, "/submit");
		await page.getByRole("radio", { name: "http-fetch" }).check();
		await page.getByLabel("URL", { exact: true }).fill(origin.url("/page"));
		await page.getByLabel("Header fields").fill("Cookie: a=1\nAccept: text/html\nCookie: b=2");
		await page.getByRole("button", { name: "Submit" }).click();
		await page.locator("#field-headers-fault", { hasText: "Cookie: stands there twice" }).waitFor();
		await page.locator(".faults", { hasText: "Nothing was sent." }).waitFor();
		assert.match(page.url(), /#\/submit$/);
		await page.getByLabel("Header fields").fill("Cookie: a=1; b=2\nAccept: text/html");
		await page.getByRole("button", { name: "Submit" }).click();
		await heading(page, "SUCCEEDED").waitFor();
		return page;
	},

	async "an answer that is no service's, in the place of figures, harms nothing else"({ browser, daemon }) {
		const id = await daemon.submit("factorial", { n: "7" });
		const page = await openPage(browser);
		await page.route("**/stats", (route) => route.fulfill({ status: 200, contentType: "application/json", body: "[]" }));
		await go(page, daemon, "/");
		await page.locator('#link[data-state="away"]').waitFor();
		await go(page, daemon, "/tasks");
		await page.locator(`.what a[href="#/tasks/${id}"]`).waitFor();
		await page.unroute("**/stats");
		await linkState(page, "live");
		return page;
	},

	async "what has the focus is not behind the bar"({ browser, daemon }) {
		for (let i = 0; i < 30; i++)
			await daemon.submit("factorial", { n: String(i) });
		const page = await openPage(browser);
		await go(page, daemon, "/tasks");
		const links = page.locator(".list tbody a");
		await links.nth(29).waitFor();
		await links.nth(29).focus();
		await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
		// From what is seen at the bottom back to what has to come down from behind the bar.
		for (let i = 0; i < 29; i++) {
			await page.keyboard.press("Shift+Tab");
			const [top, bar] = await page.evaluate(() =>
				[document.activeElement.getBoundingClientRect().top, document.querySelector(".bar").getBoundingClientRect().bottom]);
			assert.ok(top >= bar, `it begins at ${top}, and the bar ends at ${bar}`);
		}
		return page;
	},

	async "a service that dies and comes back is told, and followed again"({ browser, origin }) {
		const daemon = await new Daemon().start();
		try {
			const page = await openPage(browser);
			page.allows(/ERR_(CONNECTION|INCOMPLETE|EMPTY)|Failed to load resource/);
			const id = await daemon.submit("http-fetch", { url: origin.url("/held") }, { retry: { max_attempts: 9, backoff_ms: 0 } });
			await go(page, daemon, `/tasks/${id}`);
			await heading(page, "RUNNING").waitFor();
			await daemon.end("SIGKILL");
			await page.locator('#link[data-state="away"]', { hasText: "trying again" }).waitFor();
			await daemon.start();
			await linkState(page, "live");
			// The stream came back by itself: the second attempt is told.
			await page.locator(".list tbody tr", { hasText: "crashed" }).waitFor();
			await heading(page, "RUNNING").waitFor();
			return page;
		} finally {
			await daemon.close();
		}
	},

	async "a service that refuses, or shuts down, says so"({ browser, origin }) {
		const daemon = await new Daemon("--queue-max", "1", "--fetch-in-flight-max", "1", "--drain-timeout-ms", "60000").start();
		try {
			const page = await openPage(browser);
			page.allows(/status of 503|ERR_(CONNECTION|INCOMPLETE|EMPTY)|Failed to load resource/);
			const cancel = (id) => fetch(`${daemon.base}/tasks/${id}`, { method: "DELETE" });
			const ids = [];
			await assert.rejects(async () => {
				while (ids.length < 20)
					ids.push(await daemon.submit("http-fetch", { url: origin.url("/held") }));
			}, /queue-full/);
			await go(page, daemon, "/submit");
			await page.locator("#link", { hasText: "Refusing tasks: queue full" }).waitFor();
			await page.getByRole("radio", { name: "http-fetch" }).check();
			await page.getByLabel("URL", { exact: true }).fill(origin.url("/page"));
			await page.getByRole("button", { name: "Submit" }).click();
			await page.locator(".faults", { hasText: "Nothing was stored." }).waitFor();
			await Promise.all(ids.slice(1).map(cancel));
			await linkState(page, "live");
			await page.getByRole("button", { name: "Submit" }).click();
			await page.locator(".head .badge").waitFor();
			daemon.process.kill("SIGTERM");
			await page.locator("#link", { hasText: "Shutting down" }).waitFor();
			await cancel(ids[0]);
			await linkState(page, "away");
			return page;
		} finally {
			await daemon.close();
		}
	},
};
