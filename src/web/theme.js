// SPDX-License-Identifier: MIT
// The colours, before anything is drawn: a page that flashes white at night is no help. What the
// reader has chosen stands in data-choice, and what comes of it in data-theme.
"use strict";

(() => {
	const root = document.documentElement;
	const dark = matchMedia("(prefers-color-scheme: dark)");
	let choice = null;
	try {
		choice = localStorage.getItem("taskq-theme");
	} catch {
		// Nothing is kept where the browser forbids it.
	}
	root.dataset.choice = choice === "light" || choice === "dark" ? choice : "system";

	function resolve() {
		const wanted = root.dataset.choice;
		root.dataset.theme = wanted === "system" ? (dark.matches ? "dark" : "light") : wanted;
		window.dispatchEvent(new Event("taskq-colours"));
	}

	dark.addEventListener("change", resolve);
	window.addEventListener("taskq-choice", resolve);
	resolve();
})();
