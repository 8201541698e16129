// SPDX-License-Identifier: MIT
// Runs the cases, several at a time, each in a page of its own, and tells what came of them as TAP.
// After each, whatever it did, the page must have complained of nothing, asked nobody else, and not
// have tried what its policy forbids.

import assert from "node:assert/strict";

import { tests } from "./dashboard.mjs";
import { Daemon, openBrowser, openOrigin } from "./lib.mjs";

const AT_ONCE = 3;

async function run(name, scene) {
	const page = await tests[name](scene);
	try {
		assert.deepEqual(page.complaints, []);
		assert.deepEqual(await page.evaluate(() => window.violations), []);
		const origin = new URL(page.url()).origin;
		assert.deepEqual(page.asked.filter((url) => new URL(url).origin !== origin), []);
	} finally {
		await page.context().close();
	}
}

const wanted = process.argv.slice(2);
const names = Object.keys(tests).filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const [daemon, origin, browser] = await Promise.all([new Daemon().start(), openOrigin(), openBrowser()]);
let next = 0;
let failed = 0;

async function work() {
	while (next < names.length) {
		const number = ++next;
		const name = names[number - 1];
		const began = Date.now();
		try {
			await run(name, { daemon, origin, browser });
			console.log(`ok ${number} - ${name} # ${Date.now() - began} ms`);
		} catch (error) {
			failed++;
			console.log(`not ok ${number} - ${name}`);
			console.log(String(error.stack).replace(/^/gm, "# "));
		}
	}
}

console.log(`1..${names.length}`);
await Promise.all(Array.from({ length: AT_ONCE }, work));
await browser.close();
origin.close();
await daemon.end();
if (daemon.process.exitCode !== 0) {
	failed++;
	console.log(`not ok - the service ended with ${daemon.process.exitCode ?? daemon.process.signalCode}\n# ${daemon.log}`);
}
await daemon.close();
process.exit(failed === 0 && names.length > 0 ? 0 : 1);
