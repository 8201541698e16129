// SPDX-License-Identifier: MIT
// Making elements. Whatever is not an element becomes a text node: nothing that a task brought can
// be markup, here or in any file that uses this.

import { NOTHING } from "./format.js";

/**
 * h - an element with attributes and children
 * Of the attributes, `onNAME` are listeners, `style` is an object of properties, and those that are
 * null, undefined or false are left out.
 */
export function h(tag, attributes, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (name === "style")
			for (const [property, text] of Object.entries(value))
				element.style.setProperty(property, text);
		else
			element.setAttribute(name, value === true ? "" : String(value));
	}
	put(element, ...children);
	return element;
}

/** put - append children; lists are taken apart, nothing and false are left out */
export function put(element, ...children) {
	for (const child of children.flat(4)) {
		if (child === null || child === undefined || child === false)
			continue;
		element.append(child instanceof Node ? child : document.createTextNode(String(child)));
	}
}

/** fill - put children in the place of what is there */
export function fill(element, ...children) {
	element.replaceChildren();
	put(element, ...children);
}

/** say - change a text, and touch the page only where it changes */
export function say(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

/**
 * cell - of a list, with the label that it has where there is no room for columns; one without a
 * value is left out there
 */
export function cell(label, kind, ...children) {
	const isNone = children.length === 1 && children[0] === NOTHING;
	return h("td", { "data-label": label, class: [kind, isNone && "none"].filter(Boolean).join(" ") || null }, ...children);
}

/** badge - a state as a word with its colour */
export function badge(status) {
	return h("span", { class: "badge", "data-status": status }, status);
}

/** notice - tell something for a while, to screen readers too */
export function notice(text, kind) {
	const room = document.getElementById("notices");
	const element = h("p", { class: "notice", "data-kind": kind ?? "info" }, text);
	room.append(element);
	setTimeout(() => element.remove(), kind === "error" ? 9000 : 5000);
}

/** copyButton - puts a text on the clipboard */
export function copyButton(text, what) {
	return h("button", { type: "button", class: "quiet", "aria-label": `Copy ${what}`, onclick: async () => {
		try {
			await navigator.clipboard.writeText(text);
			notice(`Copied ${what}.`);
		} catch {
			notice("The browser does not let this page use the clipboard.", "error");
		}
	} }, "Copy");
}
