// The page of a node: what it says now, and how it stands.

import { $, absolute, bytes, el, mark, set, share, short, span, svg } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Feeds } from "./feeds.js";
import { link, Links } from "./links.js";
import { Modules } from "./modules.js";
import { listen, read, readRaw, Refused, useToken } from "./node.js";
import { past } from "./row.js";
import { Sinks } from "./sinks.js";
import { Sources } from "./sources.js";

const feeds = new Feeds((name) => verify(`/v1/feeds/${encodeURIComponent(name)}/latest`));
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
    if (feed) return quietly(drawer.open(feed, round));
    drawer.close();
    document.getElementById(part)?.focus();
  },
  hide() {
    titled();
    drawer.close();
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
    const page = await read(`/v1/feeds${from}`);
    if (!page.feeds) return null;
    all.push(...page.feeds);
    if (!page.next) return all;
    from = `?from=${encodeURIComponent(page.next)}`;
  }
}

/** load reads what the stream does not repeat: every feed, and where its answers have been. */
async function load({ histories }) {
  const list = await everyFeed();
  if (!list) return;
  feeds.show(list);
  feeds.tick(now());
  if (!shown) {
    shown = true;
    links.follow();
  }
  for (const feed of list) {
    const row = feeds.rows.get(feed.name);
    if (!row || (!histories && row.recalled)) continue;
    const from = past(feed, now());
    const known = await read(`/v1/feeds/${encodeURIComponent(feed.name)}/rounds?limit=1000${from ? `&from=${from}` : ""}`);
    if (known.rounds) row.recall(known.rounds);
  }
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
  },
  status: showStatus,
  reset: () => load({ histories: true }),
};

const quietly = (promise) => promise?.catch?.(() => {}); // the stream notices a lost node by itself

listen("/v1/stream?events=feed,sources,status", {
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
  const key = `${quality}|${text}|${filled}`;
  if (dd.dataset.key === key) return;
  dd.dataset.key = key;
  const parts = [mark(quality), el("span", { text })];
  if (filled !== undefined) {
    parts.splice(1, 0, el("span", { class: "meter", "aria-hidden": "true" },
      svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" }, svg("rect", { width: Math.max(1, Math.min(100, filled * 100)).toFixed(0), height: 10 }))));
  }
  dd.replaceChildren(...parts);
}

function showStatus(s) {
  ahead = Date.parse(s.now) - Date.now();
  members = s.quorum.members;
  node = s.node || "";
  set($("#node"), node || "Dodona");
  titled();
  set($("#identity"), `${short(s.address)} · network ${s.network.name}, ${s.quorum.k} of ${s.quorum.members.length}`);
  $("#identity").title = `key ${s.address}\nversion ${s.version}\nup since ${absolute(s.started)}`;
  showStanding(s);
  const { journal, clock, memory } = s;
  const filled = journal.limit ? journal.bytes / journal.limit : undefined;
  const detail = [journal.message, `${journal.records} records`, journal.limit && `${share(journal.bytes, journal.limit)} used`, `${journal.dropped} dropped`, `backlog ${journal.backlog}`];
  gauge("#h-journal", journal.quality, journal.quality !== "good" ? journal.message : journal.limit ? share(journal.bytes, journal.limit) : bytes(journal.bytes), detail.filter(Boolean).join("\n"), journal.quality === "good" ? filled : undefined);
  gauge("#h-clock", clock.quality, clock.quality === "good" ? "in step" : clock.message, clock.message);
  gauge("#h-memory", "good", bytes(memory.used), memory.budget ? `resident; the heap's goal is ${bytes(memory.budget)}` : "resident");
  if (s.anchors) showAnchors(s.anchors);
  modules.show(s.modules ?? []);
  delivering = s.sinks ?? [];
  sinks.show(delivering);
  sinks.tick(now());
  feeds.delivered(delivering);
  feeds.judged(s.problems);
  drawer.refresh();
  showConnection();
}

function showAnchors(a) {
  const behind = a.behind && `behind since ${absolute(a.checked)}`;
  const last = a.to ? `${span(now() - a.to)} ago` : "none yet";
  const next = a.next ? `the next one in ${span(Date.parse(a.next) - now())}` : "the next one waits for an answer";
  gauge("#h-anchors", a.behind ? "uncertain" : "good", a.behind ? "behind" : last,
    [behind, a.lastError, a.to && `the newest ends at ${absolute(a.to)}, ${a.leaves} in it`, next].filter(Boolean).join("\n"));
}

const levels = { ok: "good", degraded: "uncertain", failing: "bad" };

/** showStanding says how the node fares in the words of dodona status, and beneath them what is wrong, part by part. */
function showStanding(s) {
  const box = $("#standing");
  box.hidden = false;
  box.className = levels[s.level] ?? "bad";
  set($("#headline"), s.headline);
  if (box.dataset.level !== s.level) {
    box.dataset.level = s.level;
    $("#level").replaceChildren(mark(box.className), el("b", { text: s.level }), ": ");
  }
  const list = s.problems.length ? s.problems : [{ part: "node", message: "nothing is wrong" }];
  const parts = list.map((p) => p.part).join("\n");
  if (box.dataset.parts !== parts) {
    box.dataset.parts = parts;
    $("#problems").replaceChildren(...list.map((p) => el("li", {}, partOf(p.part), ": ", el("bdi"))));
  }
  list.forEach((p, i) => set($("#problems").children[i].lastChild, p.message + (p.until ? ` (until ${new Date(p.until).toLocaleTimeString()})` : "")));
}

/** partOf names the part that a problem is of, and leads to it. */
function partOf(part) {
  const [, sort, name] = /^(feed|source|sink|module) (?:.* of feed )?(\S+)$/.exec(part) ?? [];
  return name ? el("a", { href: sort === "feed" ? link(name) : `#${sort}/${name}`, text: part }) : el("b", { text: part });
}

function showConnection() {
  const wait = lost ? lost.retry - Date.now() : 0;
  if (!lost) gauge("#h-stream", "good", "live", "values arrive as they are made");
  else gauge("#h-stream", "bad", wait > 0 ? `again in ${Math.ceil(wait / 1000)} s` : "connecting", "no connection to the node");
  $("#lost").hidden = !lost;
  if (lost) set($("#lost"), `No connection to the node since ${new Date(lost.since).toLocaleTimeString()}. What you see is from before; trying again.`);
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
      await read("/v1/status");
      return;
    } catch (error) {
      if (!(error instanceof Refused)) return;
    }
  }
}
