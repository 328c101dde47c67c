// Elements and words. Nothing here ever parses text as markup.

const SVG = "http://www.w3.org/2000/svg";

/** el makes an element: properties become attributes, "text" its text; children that are null are left out. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

export const $ = (selector) => document.querySelector(selector);

/** set changes a text only if it differs, so that nothing is laid out or read aloud for nothing. */
export function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** renew makes the children of a node anew where key is another one. */
export function renew(node, key, make) {
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...make());
}

const shapes = {
  good: () => svg("circle", { cx: 6, cy: 6, r: 5, fill: "currentColor" }),
  diamond: () => svg("path", { d: "M6 .4 11.6 6 6 11.6 .4 6Z", fill: "currentColor" }),
  ring: () => svg("circle", { cx: 6, cy: 6, r: 4.2, fill: "none", stroke: "currentColor", "stroke-width": 2 }),
  cross: () => svg("path", { d: "M1.8 1.8 10.2 10.200M10.2 1.8 1.8 10.2", stroke: "currentColor", "stroke-width": 2.6, "stroke-linecap": "round" }),
};

/** mark is a small sign whose shape says what its colour says. */
export function mark(quality, shape) {
  const form = shape ?? { good: "good", uncertain: "diamond", bad: "cross", none: "ring" }[quality] ?? "ring";
  return el("span", { class: `mark ${quality}`, "aria-hidden": "true" }, svg("svg", { viewBox: "0 0 12 12" }, shapes[form]()));
}

const inputMarks = {
  used: ["good", "good"], outlier: ["uncertain", "diamond"], stale: ["uncertain", "ring"],
  given: ["good", "good"], bad: ["bad", "cross"], failed: ["bad", "cross"], late: ["bad", "ring"],
};

export const inputMark = (status) => mark(...(inputMarks[status] ?? ["none", "ring"]));

/** seal is the sign of an attested answer: a shield with a tick. */
export function seal() {
  return svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
    svg("path", { d: "M10 1.6 17 4.200v5.200c0 4.3-2.9 7.4-7 9-4.1-1.6-7-4.7-7-9V4.200Z", fill: "currentColor", "fill-opacity": ".16", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round" }),
    svg("path", { d: "m6.8 9.9 2.3 2.3 4.2-4.5", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" }));
}

export const cross = () => svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
  svg("path", { d: "M3 3 13 13M13 3 3 13", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round" }));

/** grouped writes an exact number for people, as Feed.Format of the node does, without ever making a float of it: 43218.50 → 43,218.50. */
export function grouped(text) {
  const [, whole, fraction = ""] = /^(-?\d+)(\.\d+)?$/.exec(text) ?? [];
  return whole ? whole.replace(/\B(?=(\d{3})+$)/g, ",") + fraction : text;
}

/**
 * figure writes a grouped number that goes on in the next line between two groups, three digits of the fraction too.
 * Whoever is read to wants it in one piece beside it: see spoken.
 */
export function figure(text) {
  const at = text.search(/(?<=\d)\.(?=\d+$)/);
  const [whole, fraction] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
  const broken = (groups) => groups.flatMap((part, i) => (i ? [el("wbr"), part] : [part]));
  return [el("span", {}, ...broken(whole.split(/(?<=\d,)(?=\d)/))), el("span", { class: "fraction" }, ...broken(fraction.match(/\.?\d{1,3}/g) ?? []))];
}

/** spoken is a figure, with its unit if it has one, and the words for whoever is read to. */
export function spoken(text) {
  const [number, unit] = text.split(/\u00a0(.*)/s);
  return [el("span", { class: "sr", text }), el("bdi", { "aria-hidden": "true" }, ...figure(number)), unit ? el("bdi", { class: "unit", "aria-hidden": "true", text: ` ${unit}` }) : ""];
}

/** exact writes what a source said as the feed does: its decimals at least, and all digits that were said. */
export function exact(text, decimals) {
  const [whole, fraction = ""] = text.split(".");
  return grouped(decimals && /^\d*$/.test(fraction) ? `${whole}.${fraction.padEnd(decimals, "0")}` : text);
}

/** measured writes what a source said, with its unit, if anything. What a module is given is of no feed yet. */
export function measured({ value, status, unit }, feed) {
  if ((value ?? null) === null) return "";
  const own = status !== "given";
  return [exact(String(value), own && feed?.kind === "number" ? feed.decimals : 0), unit || (own && feed?.unit)].filter(Boolean).join("\u00a0");
}

/** counted writes so many of something: 1 fault, 1,250 faults. */
export const counted = (n, noun) => `${grouped(String(n))} ${noun}${n === 1 ? "" : "s"}`;

/** scaled writes an integer with its decimals, exactly: 4321855 and 2 → 43,218.55. */
export function scaled(value, decimals) {
  const [, sign, digits] = /^(-?)(\d+)$/.exec(value) ?? [];
  if (digits === undefined) return value;
  const padded = digits.padStart(decimals + 1, "0");
  const point = padded.length - decimals;
  return grouped(sign + padded.slice(0, point) + (decimals ? "." + padded.slice(point) : ""));
}

/** span writes a duration in its largest unit: 4 s, 2 min, 3 h, 5 d. Its space never ends a line. */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}\u00a0s`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0min`;
  if (s < 172800) return `${Math.floor(s / 3600)}\u00a0h`;
  return `${Math.floor(s / 86400)}\u00a0d`;
}

/** every writes a grid: 250 ms, 10 s, 1 h. */
export const every = (ms) => (ms % 1000 ? `${ms} ms` : span(ms));

/** bytes writes a size: 44 MiB. */
export function bytes(n) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (n >= size) return `${(n / size).toFixed(n / size < 10 ? 1 : 0)} ${unit}`;
  }
  return `${n} B`;
}

/** share writes a part of a whole in the whole's unit: 44 of 512 MiB. */
export function share(part, whole) {
  const [n, unit] = bytes(whole).split(" ");
  const size = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 }[unit];
  const value = part / size;
  return `${value.toFixed(value < 10 && unit !== "B" ? 1 : 0)} of ${n} ${unit}`;
}

/** instant writes a time in UTC, as RFC 3339 without its noise: 2026-11-22 12:04:30 UTC. */
export function instant(time) {
  const text = new Date(time).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${text.slice(19, 23) === ".000" ? "" : text.slice(19, 23)} UTC`;
}

/** between writes the first and the last instant of a picture in UTC, with the day where they are not of the same one. */
export function between(first, last) {
  const [from, to] = [new Date(first).toISOString(), new Date(last).toISOString()];
  const sameDay = from.slice(0, 10) === to.slice(0, 10);
  return [from, to].map((t) => (sameDay ? t.slice(11, 19) : `${t.slice(5, 10)} ${t.slice(11, 16)}`));
}

/** clock writes a time of about now: 12:04:30 UTC. */
export const clock = (time) => `${new Date(time).toISOString().slice(11, 19)} UTC`;

/** short writes an address or digest for people: 0x9f2c…41d7. */
export const short = (hex) => (hex && hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex ?? "");
