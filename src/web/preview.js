// SPDX-License-Identifier: MIT
// The beginning of a result. Its bytes come from strangers: they are shown as characters in a text
// node, or in hexadecimal, and nothing of them is ever interpreted.

import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { bytes, exact } from "./format.js";

const FIRST_BYTES = 16 * 1024;
const MORE_BYTES = 256 * 1024;
const HEX_BYTES = 1024;

/* The whole size, of "bytes 0-99/1234" or of the length of all. */
function sizeOf(response, had) {
	const range = /\/([0-9]+)$/.exec(response.headers.get("Content-Range") ?? "");
	return range ? Number(range[1]) : had;
}

/* As text, or null where it is none. A character that the end cuts is left out. */
function textOf(data, isWhole) {
	let text;
	try {
		text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data, { stream: !isWhole });
	} catch {
		return null;
	}
	// Control characters are no text, but for those that lay out.
	return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? null : text;
}

function hexOf(data) {
	const lines = [];
	for (let at = 0; at < Math.min(data.length, HEX_BYTES); at += 16) {
		const row = Array.from(data.subarray(at, at + 16));
		const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
		const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
		lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
	}
	return lines.join("\n");
}

export class Preview {
	constructor(id) {
		this.path = `/tasks/${id}/result`;
		this.id = id;
		this.told = h("p", { class: "note", role: "status" }, "Reading …");
		this.pre = h("pre", { tabindex: "0", "aria-label": "Beginning of the result" });
		this.buttons = h("div", { class: "buttons" });
		this.element = h("div", { class: "preview" }, this.told, this.pre, this.buttons);
		this.pre.hidden = true;
		this.load(FIRST_BYTES);
	}

	async load(wanted) {
		try {
			const response = await ask("GET", this.path, { headers: { Accept: "*/*", Range: `bytes=0-${wanted - 1}` } });
			const data = new Uint8Array(await response.arrayBuffer());
			this.#show(data, sizeOf(response, data.length), response.headers.get("Content-Type") ?? "", wanted);
		} catch (error) {
			// An empty content has no range that could be asked for.
			if (error.status === 416)
				this.#show(new Uint8Array(0), 0, "", wanted);
			else if (error.status === 404)
				fill(this.told, "It left no content.");
			else
				this.#fail(error, wanted);
		}
	}

	#fail(error, wanted) {
		fill(this.told, error.message);
		fill(this.buttons, h("button", { type: "button", onclick: () => this.load(wanted) }, "Try again"));
	}

	#show(data, size, type, wanted) {
		const text = textOf(data, data.length === size);
		const shown = text === null ? Math.min(data.length, HEX_BYTES) : data.length;
		fill(this.told, `${type || "No media type"}, ${bytes(size)}`, size >= 1024 && ` (${exact(size)} bytes)`,
			shown < size && `; the first ${bytes(shown)} are shown`, text === null && ", in hexadecimal: this is no text");
		this.pre.hidden = size === 0;
		this.pre.textContent = text ?? hexOf(data);
		fill(this.buttons,
			h("a", { class: "button", href: this.path, download: this.id }, "Download"),
			text !== null && data.length < size && wanted < MORE_BYTES &&
				h("button", { type: "button", onclick: () => this.load(MORE_BYTES) }, "Show more"));
	}
}
