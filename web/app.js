// The page of a node: what it says now, and how it stands.

import { $, absolute, bytes, el, mark, set, share, short, span, svg } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Feeds, past } from "./feeds.js";
import { listen, read, readRaw, Refused, useToken } from "./node.js";

const feeds = new Feeds((name) => drawer.open(name), (name) => verify(`/v1/feeds/${encodeURIComponent(name)}/latest`));
const drawer = new Drawer({
  verify,
  sinks: (name) => sinks.filter((s) => s.feeds?.includes(name)),
  rounds: (name) => feeds.rows.get(name)?.rounds() ?? [],
  feed: (name) => feeds.rows.get(name)?.feed,
});

let ahead = 0; // ms by which the node's clock is ahead of this browser's
let verdict = { level: "ok" }; // level, headline and problems of the status
let sinks = [];
let members = []; // of the node's quorum, as it says itself
let lost = null; // {since, retry} while there is no connection
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
  for (const feed of list) {
    const row = feeds.rows.get(feed.name);
    if (!row || (!histories && row.recalled)) continue;
    const from = past(feed, now());
    const known = await read(`/v1/feeds/${encodeURIComponent(feed.name)}/rounds?limit=1000${from ? `&from=${from}` : ""}`);
    if (known.rounds) row.recall(known.rounds);
    row.recalled = true;
  }
}

const handlers = {
  feed(feed) {
    if (!feeds.rows.has(feed.name)) return load({ histories: false });
    feeds.update(feed).tick(now());
    drawer.refresh();
  },
  sources: ({ sources }) => showSources(sources),
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
  feeds.tick(now());
  tickSources();
  if (lost) showConnection();
}, 1000);
setInterval(() => !lost && document.visibilityState === "visible" && quietly(load({ histories: false })), 60_000);

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
  const parts = [mark(quality), text];
  if (filled !== undefined) {
    parts.splice(1, 0, el("span", { class: "meter", "aria-hidden": "true" },
      svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" }, svg("rect", { width: Math.max(1, Math.min(100, filled * 100)).toFixed(0), height: 10 }))));
  }
  dd.replaceChildren(...parts);
}

function showStatus(s) {
  ahead = Date.parse(s.now) - Date.now();
  verdict = s;
  members = s.quorum.members;
  set($("#node"), s.node || "Dodona");
  document.title = `${s.node || "Dodona"} · Dodona`;
  const quorum = `${s.quorum.k} of ${s.quorum.members.length}`;
  set($("#identity"), `${short(s.address)} · network ${s.network.name}, ${quorum}`);
  $("#identity").title = `key ${s.address}\nversion ${s.version}\nup since ${absolute(s.started)}`;
  const { journal, clock, memory } = s;
  const filled = journal.limit ? journal.bytes / journal.limit : undefined;
  const detail = [journal.message, `${journal.records} records`, journal.limit && `${share(journal.bytes, journal.limit)} used`, `${journal.dropped} dropped`, `backlog ${journal.backlog}`];
  gauge("#h-journal", journal.quality, journal.quality !== "good" ? journal.message : journal.limit ? share(journal.bytes, journal.limit) : bytes(journal.bytes), detail.filter(Boolean).join("\n"), journal.quality === "good" ? filled : undefined);
  gauge("#h-clock", clock.quality, clock.quality === "good" ? "in step" : clock.message, clock.message);
  showModules(s.modules ?? []);
  showSinks(s.sinks ?? []);
  const used = memory.budget ? memory.used / memory.budget : 0;
  gauge("#h-memory", used > 1 ? "bad" : used > 0.9 ? "uncertain" : "good", memory.budget ? share(memory.used, memory.budget) : bytes(memory.used),
    memory.budget ? "resident memory against its budget" : "resident memory; no budget is set", memory.budget ? used : undefined);
  showConnection();
}

/** showModules counts the modules that run; one that was refused is trouble, for its feed has no answers. */
function showModules(list) {
  $("#h-modules").hidden = list.length === 0;
  if (!list.length) return;
  const running = list.filter((m) => m.running).length;
  const hurt = list.filter((m) => m.lastError);
  const lines = list.map((m) => `${m.feed}: ${m.name} ${m.version}, ${m.events} events, ${m.failed} failed${m.lastError ? `, ${m.lastError}` : ""}`);
  gauge("#h-modules", running < list.length ? "bad" : hurt.length ? "uncertain" : "good", running === list.length ? `${running} running` : `${running} of ${list.length} running`, lines.join("\n"));
}

const worst = (list) => ["bad", "uncertain", "good"].find((q) => list.some((s) => s.quality === q)) ?? "good";

/** showSinks tells how deliveries stand. */
function showSinks(list) {
  sinks = list;
  feeds.delivered(list);
  $("#h-sinks").hidden = list.length === 0;
  if (!list.length) return;
  const quality = worst(list);
  const trouble = list.find((s) => s.quality === quality && quality !== "good");
  const queued = list.reduce((n, s) => n + s.queue, 0);
  const lines = list.map((s) => `${s.name} (${s.kind}): ${s.state}, ${s.delivered} delivered, ${s.queue} waiting, ${s.failures} failed${s.quality !== "good" && s.lastError ? `\n  ${s.lastError}` : ""}`);
  gauge("#h-sinks", quality, trouble ? `${trouble.name} ${trouble.state}` : queued ? `${queued} waiting` : "delivered", lines.join("\n"));
  drawer.refresh();
}

function showConnection() {
  if (lost) {
    const wait = lost.retry - Date.now();
    gauge("#h-stream", "bad", wait > 0 ? `again in ${Math.ceil(wait / 1000)} s` : "connecting", "no connection to the node");
  } else {
    gauge("#h-stream", "good", "live", "values arrive as they are made");
  }
  const trouble = $("#trouble");
  let text = "";
  if (lost) {
    text = `No connection to the node since ${new Date(lost.since).toLocaleTimeString()}. What you see is from before; trying again.`;
  } else if (verdict.level !== "ok") {
    text = verdict.headline;
    trouble.title = verdict.problems.map((p) => `${p.part}: ${p.message}` + (p.until ? ` (until ${new Date(p.until).toLocaleTimeString()})` : "")).join("\n");
  }
  trouble.className = lost || verdict.level === "failing" ? "bad" : "";
  trouble.hidden = text === "";
  set(trouble, text);
}

// Sources

const sourceRows = new Map();

function showSources(list) {
  const names = new Set(list.map((s) => s.name));
  for (const [name, row] of sourceRows) {
    if (!names.has(name)) {
      row.tr.remove();
      sourceRows.delete(name);
    }
  }
  const body = $("#sources tbody");
  list.forEach((source, i) => {
    let row = sourceRows.get(source.name);
    if (!row) {
      row = { name: el("span", { text: source.name }), sub: el("span", { class: "sub" }), state: el("span", { class: "state" }), time: el("time"), calls: el("span", { class: "sub" }) };
      row.tr = el("tr", {}, el("th", { scope: "row" }, row.name, row.sub), el("td", {}, row.state), el("td", { class: "num" }, row.time, row.calls));
      sourceRows.set(source.name, row);
    }
    row.source = source;
    if (body.children[i] !== row.tr) body.insertBefore(row.tr, body.children[i] ?? null);
    const trouble = source.quality !== "good" && source.lastError;
    set(row.sub, trouble || source.kind);
    row.sub.className = trouble ? `sub ${source.quality}` : "sub";
    row.sub.title = trouble || "";
    if (row.state.dataset.key !== source.quality + source.state) {
      row.state.dataset.key = source.quality + source.state;
      row.state.replaceChildren(mark(source.state === "starting" ? "none" : source.quality), source.state);
    }
    set(row.calls, source.failures ? `${source.failures} failed` : "");
    row.calls.title = `${source.exchanges} exchanges, ${source.failures} failed, ${source.readings} readings, ${source.dropped} dropped`;
  });
  $("#sources .empty").hidden = list.length > 0;
  $("#sources table").hidden = list.length === 0;
  tickSources();
}

function tickSources() {
  for (const { source, time } of sourceRows.values()) {
    set(time, source.lastReading ? span(now() - Date.parse(source.lastReading)) : "none yet");
    if (!source.lastReading) continue;
    time.setAttribute("datetime", source.lastReading);
    const next = source.nextTry && Date.parse(source.nextTry) > now() ? `\nnext try ${absolute(source.nextTry)}` : "";
    time.title = absolute(source.lastReading) + next;
  }
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
