// The page of a node: what it says now, and how it stands.

import { $, clock, counted, instant, bytes, el, mark, renew, set, share, short, span, svg } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Feeds } from "./feeds.js";
import { at, link, Links } from "./links.js";
import { Modules } from "./modules.js";
import { listen, read, readRaw, Refused, useToken } from "./node.js";
import { past } from "./row.js";
import { Sinks } from "./sinks.js";
import { Sources } from "./sources.js";

const feeds = new Feeds((name) => verify(at(name, "latest")), () => quietly(recallSeen()));
const drawer = new Drawer({
  verify,
  sinks: (name) => delivering.filter((s) => s.feeds?.includes(name)),
  rounds: (name) => feeds.rows.get(name)?.rounds() ?? [],
  feed: (name) => feeds.rows.get(name)?.feed,
  moved: (name, round) => links.moved(name, round),
  left: () => links.left(),
});
const links = new Links({
  show({ feed, round, part }) {
    titled();
    if (feed) {
      quietly(recall(feeds.rows.get(feed)));
      return quietly(drawer.open(feed, round));
    }
    drawer.close(true);
    const place = document.getElementById(part);
    if (place?.hidden) filter("");
    place?.focus();
  },
  hide() {
    titled();
    drawer.close(true);
  },
});
const [sources, sinks, modules] = [new Sources(), new Sinks(), new Modules()];

let ahead = 0; // ms by which the node's clock is ahead of this browser's
let node = ""; // its name
let delivering = []; // sinks
let members = []; // of the node's quorum, as it says itself
let lost = null; // {since, retry} while there is no connection
let shown = false; // the feeds were there once
const now = () => Date.now() + ahead;

/** verify returns what this browser finds of the answer at path, by the members that the page shows. */
async function verify(path) {
  try {
    const { judge } = await import("./verifier.js");
    return await judge(await readRaw(path), members.length ? { members } : {});
  } catch (error) {
    return { valid: false, reason: "unknown", message: `could not check: ${error.message}` };
  }
}

/** everyFeed reads the list of feeds, page by page. */
async function everyFeed() {
  const all = [];
  for (let from = ""; ; ) {
    const page = await read(`v1/feeds${from}`);
    if (!page.feeds) return null;
    all.push(...page.feeds);
    if (!page.next) return all;
    from = `?from=${encodeURIComponent(page.next)}`;
  }
}

async function recall(row) {
  if (!row || row.recalled || row.recalling) return;
  row.recalling = true;
  try {
    const from = past(row.feed, now());
    const known = await read(`${at(row.feed.name, "rounds")}?limit=1000${from ? `&from=${from}` : ""}`);
    if (known.rounds) row.recall(known.rounds);
  } finally {
    row.recalling = false;
  }
  drawer.refresh();
}

let recallingSeen = false;

/** recallSeen reads the past of what is in sight, one after another. */
async function recallSeen() {
  if (recallingSeen) return;
  recallingSeen = true;
  try {
    for (let row; (row = feeds.near().find((r) => !r.recalled && !r.recalling)); ) await recall(row);
  } finally {
    recallingSeen = false;
  }
}

/** load reads what the stream does not repeat: every feed, and where the answers of those in sight have been. */
async function load({ histories }) {
  const list = await everyFeed();
  if (!list) return;
  feeds.show(list);
  feeds.tick(now());
  if (!shown) {
    shown = true;
    links.follow();
  }
  if (histories) for (const row of feeds.rows.values()) row.recalled = false;
  await recallSeen();
  drawer.refresh();
}

const handlers = {
  feed(feed) {
    if (!feeds.rows.has(feed.name)) return load({ histories: false });
    feeds.update(feed).tick(now());
    drawer.refresh();
  },
  sources({ sources: list }) {
    sources.show(list);
    sources.tick(now());
    showPlaces();
  },
  status: showStatus,
  reset: () => load({ histories: true }),
};

const quietly = (promise) => promise?.catch?.(() => {}); // the stream notices a lost node by itself

listen("v1/stream?events=feed,sources,status", {
  open(again) {
    lost = null;
    showConnection();
    return quietly(load({ histories: !again }));
  },
  event: (name, data) => quietly(handlers[name]?.(data)),
  closed(ms) {
    lost = { since: lost?.since ?? Date.now(), retry: Date.now() + ms };
    showConnection();
  },
  refused: askToken,
});

setInterval(() => {
  for (const part of [feeds, sources, sinks]) part.tick(now());
  if (lost) showConnection();
}, 1000);
setInterval(() => !lost && document.visibilityState === "visible" && quietly(load({ histories: false })), 60_000);

function titled() {
  const feed = /^#feed\/([^/]+)/.exec(location.hash)?.[1];
  document.title = [feed, node, "Dodona"].filter(Boolean).join(" · ");
}

// Health

function gauge(id, quality, text, title, filled) {
  const box = $(id);
  box.hidden = false;
  const dd = box.querySelector("dd");
  box.className = quality;
  box.title = title ?? "";
  renew(dd, `${quality}|${text}|${filled}`, () => [mark(quality),
    filled === undefined ? "" : el("span", { class: "meter", "aria-hidden": "true" },
      svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" }, svg("rect", { width: Math.max(1, Math.min(100, filled * 100)).toFixed(0), height: 10 }))),
    el("span", { text })]);
}

function showStatus(s) {
  ahead = Date.parse(s.now) - Date.now();
  members = s.quorum.members;
  node = s.node || "";
  set($("#node"), node || "Dodona");
  titled();
  set($("#identity"), `${short(s.address)} · network ${s.network.name}, ${s.quorum.k} of ${s.quorum.members.length}`);
  $("#identity").title = `key ${s.address}\nversion ${s.version}\nup since ${instant(s.started)}`;
  showStanding(s);
  const { journal, clock, memory } = s;
  const filled = journal.limit ? journal.bytes / journal.limit : undefined;
  const detail = [journal.message, `${journal.records} records`, journal.limit && `${share(journal.bytes, journal.limit)} used`, `${journal.dropped} dropped`, `backlog ${journal.backlog}`];
  gauge("#h-journal", journal.quality, journal.quality !== "good" ? journal.message : journal.limit ? share(journal.bytes, journal.limit) : bytes(journal.bytes), detail.filter(Boolean).join("\n"), journal.quality === "good" ? filled : undefined);
  gauge("#h-clock", clock.quality, clock.quality === "good" ? "in step" : clock.message, clock.message);
  gauge("#h-memory", "good", bytes(memory.used), `resident, ${bytes(memory.own)} of them its own${memory.budget ? `, whose goal is ${bytes(memory.budget)}` : ""}; the rest are pages of the program, which the system takes back when it needs them`);
  if (s.anchors) showAnchors(s.anchors);
  modules.show(s.modules ?? []);
  delivering = s.sinks ?? [];
  sinks.show(delivering);
  sinks.tick(now());
  feeds.delivered(delivering);
  feeds.judged(s.problems);
  drawer.refresh();
  lastSeen = s.now;
  showConnection();
  showPlaces();
}

let lastSeen = ""; // when the node said how it fares

/** showPlaces leads to the parts of a long page. */
function showPlaces() {
  const list = Object.entries({ feeds, sinks, modules, sources }).map(([name, part]) => [name, part.rows.size, part.troubled]).filter(([, count]) => count);
  const nav = $("#places");
  nav.hidden = feeds.rows.size + sources.rows.size < many;
  $("#filter-box").hidden = feeds.rows.size < many && !$("#filter").value;
  renew(nav, JSON.stringify(list), () => list.map(([part, count, bad]) => el("a", { href: `#${part}` }, mark(bad ? "bad" : "good"), `${count} ${count === 1 ? part.slice(0, -1) : part}${bad ? `, ${bad} in trouble` : ""}`)));
}

const many = 9; // feeds and sources from which on a page is searched

/** filter leaves what has these words, which the address keeps. */
function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if ($("#filter").value !== text) $("#filter").value = text;
  for (const part of [feeds, sinks, modules, sources]) part.sift(words);
  const address = new URL(location.href);
  if (words.length) address.searchParams.set("q", text.trim());
  else address.searchParams.delete("q");
  if (address.href !== location.href) history.replaceState(history.state, "", address.href);
}

$("#filter").addEventListener("input", (event) => filter(event.target.value));
$("#filter").addEventListener("keydown", (event) => event.key === "Escape" && filter(""));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || $("#filter-box").hidden || event.target.closest("input, textarea, dialog")) return;
  event.preventDefault();
  $("#filter").focus();
});
filter(new URLSearchParams(location.search).get("q") ?? "");

function showAnchors(a) {
  const behind = a.behind && `behind since ${instant(a.checked)}`;
  const last = a.to ? `${span(now() - a.to)} ago` : "none yet";
  const next = a.next ? `the next one in ${span(Date.parse(a.next) - now())}` : "the next one waits for an answer";
  gauge("#h-anchors", a.behind ? "uncertain" : "good", a.behind ? "behind" : last,
    [behind, a.lastError, a.to && `the newest ends at ${instant(a.to)}, ${a.leaves} in it`, next].filter(Boolean).join("\n"));
}

const levels = { ok: "good", degraded: "uncertain", failing: "bad" };

/** showStanding says how the node fares in the words of dodona status, and beneath them what is wrong, part by part. */
function showStanding(s) {
  const box = $("#standing");
  box.hidden = false;
  box.className = levels[s.level] ?? "bad";
  set($("#headline"), s.headline);
  renew($("#level"), s.level, () => [mark(box.className), el("b", { text: s.level }), ": "]);
  const list = wrong(s);
  renew($("#problems"), JSON.stringify(list.map((p) => [p.part, p.feeds, p.sources])),
    () => list.map((p) => el("li", {}, ...(p.part ? [partOf(p)] : hit(p)), ": ", el("bdi"))));
  list.forEach((p, i) => set($("#problems").children[i].lastChild, p.message + (p.until ? ` (until ${clock(p.until)})` : "")));
}

/** wrong lists what is wrong; a cause of several parts stands once. */
function wrong(s) {
  const causes = s.causes ?? [];
  if (!s.problems.length) return [{ part: "node", message: "nothing is wrong" }];
  if (!causes.length || Math.max(causes[0].feeds.length, causes[0].sources.length) < 2) return s.problems;
  const told = new Set(causes.flatMap((c) => [...c.feeds.map((f) => `feed ${f}`), ...c.sources.map((n) => `source ${n}`)]));
  return [...s.problems.filter((p) => p.of !== "rest" && !told.has(p.part)), ...causes];
}

/** hit names the first of what a cause hits, and leads there. */
function hit({ feeds: hitFeeds, sources: hitSources }) {
  const of = (list, sort) => (!list.length ? [] : [`${counted(list.length, sort)} `,
    ...list.slice(0, 3).flatMap((name, i) => [i ? ", " : "", to(sort, name, name)]), list.length > 3 ? ` and ${list.length - 3} more` : ""]);
  return [...of(hitFeeds, "feed"), hitFeeds.length && hitSources.length ? " by " : "", ...of(hitSources, "source")];
}

const partOf = ({ part, of, name }) => (name ? to(of, name, part) : el("b", { text: part }));

const to = (sort, name, text) => el("a", { href: sort === "feed" ? link(name) : `#${sort}/${name}`, text });

function showConnection() {
  const wait = lost ? lost.retry - Date.now() : 0;
  if (!lost) gauge("#h-stream", "good", "live", "values arrive as they are made");
  else gauge("#h-stream", "bad", wait > 0 ? `again in ${Math.ceil(wait / 1000)} s` : "connecting", "no connection to the node");
  $("#lost").hidden = !lost;
  document.body.classList.toggle("gone", !!lost);
  set($("#as-of"), lost && lastSeen ? `as of ${clock(lastSeen)}: ` : "");
  if (lost) set($("#lost"), `No connection to the node since ${clock(lost.since)}. What you see is from before; trying again.`);
}

// Token

async function askToken() {
  const gate = $("#gate");
  const input = $("#token");
  for (let attempt = 0; ; attempt++) {
    $("#gate-error").textContent = attempt ? "The node refused this token." : "";
    input.value = "";
    if (!gate.open) gate.showModal();
    input.focus();
    await new Promise((done) => gate.addEventListener("close", done, { once: true }));
    if (!input.value) continue;
    useToken(input.value.trim());
    try {
      await read("v1/status");
      return;
    } catch (error) {
      if (!(error instanceof Refused)) return;
    }
  }
}
