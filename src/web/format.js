// SPDX-License-Identifier: MIT
// Figures and times as people read them.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const NOTHING = "–";

/** count - 1,234, and 1.2M from a hundred thousand on */
export function count(value) {
	if (value === null || value === undefined)
		return NOTHING;
	return Math.abs(value) < 100000 ? whole.format(value) : compact.format(value);
}

/** exact - every digit */
export function exact(value) {
	return value === null || value === undefined ? NOTHING : whole.format(value);
}

/** rate - per second, with as many digits as tell something */
export function rate(value) {
	if (value === null || value === undefined)
		return NOTHING;
	if (value === 0)
		return "0/s";
	return `${value >= 100 ? count(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}/s`;
}

/** duration - of milliseconds */
export function duration(ms) {
	if (ms === null || ms === undefined || Number.isNaN(ms))
		return NOTHING;
	if (ms < 0)
		return `-${duration(-ms)}`;
	if (ms < 1)
		return ms === 0 ? "0 ms" : `${Math.max(1, Math.round(ms * 1000))} µs`;
	if (ms < 1000)
		return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
	const s = ms / 1000;
	if (s < 60)
		return `${s < 10 ? Number(s.toFixed(2)) : Number(s.toFixed(1))} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** bytes - in powers of 1,024 */
export function bytes(value) {
	if (value === null || value === undefined)
		return NOTHING;
	let unit = 0;
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function two(value) {
	return String(value).padStart(2, "0");
}

/** clock - the time of day; with seconds where asked */
export function clock(ms, seconds) {
	const date = new Date(ms);
	return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

/** moment - date and time to the millisecond, here */
export function moment(text) {
	if (!text)
		return NOTHING;
	const date = new Date(text);
	const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
	return `${day} ${clock(date, true)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** ago - how long it is, roughly; for lists */
export function ago(text, now) {
	const ms = (now ?? Date.now()) - new Date(text).getTime();
	if (ms < 1500)
		return "now";
	const [value, unit] = ms < 60000 ? [ms / 1000, "s"] : ms < 3600000 ? [ms / 60000, "min"] :
		ms < 86400000 ? [ms / 3600000, "h"] : [ms / 86400000, "d"];
	return `${Math.floor(value)} ${unit} ago`;
}

/** between - milliseconds from one time to another; null where one is not there */
export function between(from, to) {
	return from && to ? new Date(to).getTime() - new Date(from).getTime() : null;
}

/** summary - what a task does, in a line */
export function summary(type, args) {
	if (type === "factorial")
		return `${args.n}!`;
	if (typeof args.url === "string")
		return args.url;
	return JSON.stringify(args);
}

/** words - "queue_full" for people */
export function words(code) {
	return String(code).replaceAll("_", " ");
}
