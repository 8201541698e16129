// SPDX-License-Identifier: MIT
// The page: which view the address names, the search, the colours. One view is there at a time; it
// ends what it began when another comes.

import { fill, h, notice } from "./dom.js";
import { startLink } from "./link.js";
import { Overview } from "./overview.js";
import { SubmitPage } from "./submit.js";
import { TaskPage } from "./task.js";
import { TaskList } from "./tasks.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const main = document.getElementById("main");
let view = null;
let isFirst = true;

function viewOf(path, query) {
	if (path === "" || path === "/")
		return ["overview", "Overview", () => new Overview(main)];
	if (path === "/tasks")
		return ["tasks", "Tasks", () => new TaskList(main, query)];
	if (path === "/submit")
		return ["submit", "Submit a task", () => new SubmitPage(main, query)];
	const id = path.startsWith("/tasks/") ? path.slice("/tasks/".length) : "";
	if (UUID.test(id))
		return ["tasks", "Task", () => new TaskPage(main, id.toLowerCase())];
	return ["", "Nothing here", () => {
		fill(main, h("h1", { tabindex: "-1" }, "Nothing here"), h("p", null, h("a", { href: "#/" }, "To the overview")));
		return { close() {} };
	}];
}

function show() {
	const address = location.hash.slice(1);
	const cut = address.indexOf("?");
	const path = cut < 0 ? address : address.slice(0, cut);
	const [name, title, make] = viewOf(path, new URLSearchParams(cut < 0 ? "" : address.slice(cut + 1)));
	view?.close();
	document.title = `${title} – taskq`;
	for (const link of document.querySelectorAll("nav [data-page]")) {
		if (link.dataset.page === name)
			link.setAttribute("aria-current", "page");
		else
			link.removeAttribute("aria-current");
	}
	view = make();
	// Whoever cannot see hears where they are; on the first page they have only just come.
	if (!isFirst)
		main.querySelector("h1")?.focus({ preventScroll: true });
	isFirst = false;
	window.scrollTo(0, 0);
}

function search(event) {
	event.preventDefault();
	const field = document.getElementById("search-text");
	const text = field.value.trim();
	if (UUID.test(text))
		location.hash = `#/tasks/${text.toLowerCase()}`;
	else if (/^https?:/i.test(text))
		location.hash = `#/tasks?${new URLSearchParams({ url_prefix: text })}`;
	else if (text !== "") {
		notice("That is neither the id of a task nor the beginning of a URL.", "error");
		return;
	}
	field.value = "";
}

function onKey(event) {
	const isTyping = event.target.closest?.("input, textarea, select, dialog");
	if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey)
		return;
	event.preventDefault();
	document.getElementById("search-text").focus();
}

function startColours() {
	const choice = document.getElementById("theme");
	const root = document.documentElement;
	choice.value = root.dataset.choice;
	choice.addEventListener("change", () => {
		root.dataset.choice = choice.value;
		try {
			localStorage.setItem("taskq-theme", choice.value);
		} catch {
			// It holds for this page, then.
		}
		window.dispatchEvent(new Event("taskq-choice"));
	});
}

// The address is that of a view, so the link that skips to the content leaves it alone.
document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	main.focus();
});
document.getElementById("search").addEventListener("submit", search);
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", show);
startColours();
startLink();
show();
