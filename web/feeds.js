// The table of feeds: one row each, changed in place.

import { sparkline } from "./chart.js";
import { $, absolute, cross, el, every, group, grouped, inputMark, instant, mark, scaled, seal, set, span } from "./dom.js";

const hour = 3_600_000; // ms
const most = 1000; // rounds kept of a feed: a page of the API

/** past returns where the chart of a feed begins: an hour ago, or sixty rounds if they are longer. Zero: with the newest. */
export const past = (feed, now) => (feed.everyMs * most < hour ? 0 : Math.floor(now - Math.max(hour, 60 * feed.everyMs)));

/** Feeds owns the rows. open(name) is called for a feed that was chosen, verify(name) for its verdict in this browser. */
export class Feeds {
  constructor(open, verify) {
    this.verify = verify;
    this.body = $("#feeds tbody");
    this.rows = new Map();
    this.open = open;
    this.body.addEventListener("keydown", (event) => this.move(event));
  }

  /** show makes the rows those of feeds, in their order. */
  show(feeds) {
    const names = new Set(feeds.map((f) => f.name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) {
        row.tr.remove();
        this.rows.delete(name);
      }
    }
    feeds.forEach((feed, i) => {
      const row = this.update(feed);
      if (this.body.children[i] !== row.tr) this.body.insertBefore(row.tr, this.body.children[i] ?? null);
    });
    $("#feeds .empty").hidden = feeds.length > 0;
    $("#feeds table").hidden = feeds.length === 0;
  }

  /** update shows how one feed stands now. */
  update(feed) {
    let row = this.rows.get(feed.name);
    if (!row) {
      row = new Row(feed.name, this.open, this.verify);
      this.rows.set(feed.name, row);
      row.update(feed);
      row.showSlot(this.holding(feed.name)); // sinks may have told before the row was there
      return row;
    }
    row.update(feed);
    return row;
  }

  /** delivered shows what contracts hold, as sinks last read it. */
  delivered(sinks) {
    this.sinks = sinks;
    for (const row of this.rows.values()) row.showSlot(this.holding(row.feed.name));
  }

  holding(feed) {
    return (this.sinks ?? []).find((s) => s.detail?.slots?.[feed]);
  }

  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }

  /** stale lists the feeds whose answers are too old. */
  stale() {
    return [...this.rows.values()].filter((row) => row.tr.classList.contains("stale")).map((row) => row.feed.name);
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...this.body.querySelectorAll(".open")];
    const at = buttons.indexOf(document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
    event.preventDefault();
  }
}

class Row {
  constructor(name, open, verify) {
    this.verify = verify;
    this.history = new Map(); // round → {round, value, text, missed}
    this.name = el("button", { type: "button", class: "open", text: name, title: name, "aria-haspopup": "dialog" });
    this.name.addEventListener("click", () => open(name));
    this.sub = el("span", { class: "sub" });
    this.whole = el("span");
    this.fraction = el("span", { class: "fraction" });
    this.answer = el("div", { class: "answer" }, this.whole, this.fraction);
    this.onchain = el("div", { class: "onchain" });
    this.unit = el("td", { class: "unit" });
    this.spark = el("td", { class: "spark" });
    this.dots = el("ul", { class: "dots" });
    this.time = el("time");
    this.note = el("small");
    this.stamp = el("button", { type: "button", class: "stamp" });
    this.stamp.addEventListener("click", () => this.check());
    this.tr = el("tr", {},
      el("th", { scope: "row" }, this.name, this.sub),
      el("td", { class: "num" }, this.answer, this.onchain),
      this.unit, this.spark,
      el("td", {}, this.dots),
      el("td", { class: "num age" }, this.time, this.note),
      el("td", { class: "seal" }, this.stamp));
  }

  update(feed) {
    this.feed = feed;
    if (feed.latest) this.remember(feed.latest);
    if (feed.missed) this.remember({ round: feed.missed.round, time: feed.missed.time, missed: feed.missed.reason });
    this.trim();
    this.showAnswer();
    this.showSources();
    this.showSpark();
    const trouble = feed.quality !== "good" && feed.reason;
    set(this.sub, trouble || `every ${every(feed.everyMs)}`);
    this.sub.className = trouble ? `sub ${feed.quality}` : "sub";
    this.sub.title = trouble || "";
  }

  /** recall adds rounds of the past. */
  recall(rounds) {
    rounds.forEach((round) => this.remember(round));
    this.trim();
    this.showAnswer();
    this.showSpark();
  }

  remember(round) {
    this.history.set(round.round, round);
  }

  trim() {
    const rounds = [...this.history.keys()].sort((a, b) => a - b);
    const first = rounds.length ? past(this.feed, rounds.at(-1)) : 0;
    rounds.forEach((round, i) => (i < rounds.length - most || round < first) && this.history.delete(round));
  }

  /** rounds returns the known ones, oldest first. */
  rounds() {
    return [...this.history.values()].sort((a, b) => a.round - b.round);
  }

  showAnswer() {
    const { latest, unit } = this.feed;
    this.answer.classList.toggle("waiting", !latest);
    set(this.unit, latest ? unit : "");
    this.unit.title = unit;
    if (!latest) {
      set(this.whole, "no answer yet");
      set(this.fraction, "");
      this.showSeal();
      return;
    }
    const [whole, fraction] = group(latest.text);
    set(this.whole, whole);
    set(this.fraction, fraction);
    this.answer.classList.toggle("long", whole.length + fraction.length > 14);
    this.answer.title = `${grouped(latest.text)} ${unit}`;
    this.showSeal();
  }

  /** check verifies the newest answer in this browser, and from then on each one that follows. */
  async check() {
    this.checking = true;
    const round = this.feed.latest?.round;
    if (this.busy) return;
    this.busy = true;
    this.checked = await this.verify(this.feed.name);
    this.looked = round; // a verdict that is not valid names no round
    this.busy = false;
    this.showSeal();
  }

  /** showSeal tells apart what the node says from what this browser found. */
  showSeal() {
    const { latest } = this.feed;
    const verdict = this.checked;
    const state = !latest ? "none" : verdict && !verdict.valid ? "bad" : verdict ? "verified" : latest.attested ? "attested" : "none";
    const said = !latest ? "no answer yet" : verdict ? verdict.message
      : latest.attested ? `attested with ${latest.signed} signature${latest.signed === 1 ? "" : "s"}; verify it in this browser` : `not attested: ${latest.signed} signatures, too few`;
    this.stamp.title = verdict ? `checked in this browser, as each answer that follows: ${said}` : said;
    this.stamp.disabled = !latest?.attested;
    if (this.checking && latest?.attested && this.looked !== latest.round) queueMicrotask(() => this.check());
    const key = state + (verdict?.reason ?? "") + said;
    if (this.stamp.dataset.key === key) return;
    this.stamp.dataset.key = key;
    this.stamp.className = `stamp ${state}`;
    const word = { none: latest ? "pending" : "–", bad: verdict?.reason, verified: "verified", attested: "" }[state];
    this.stamp.replaceChildren(state === "bad" ? cross() : state === "none" ? "" : seal(), word,
      el("span", { class: "sr", text: ` ${this.feed.name}: ${said}` }));
  }

  showSlot(sink) {
    const held = sink?.detail.slots[this.feed.name];
    const key = held ? `${held.round} ${held.value} ${sink.quality}` : "";
    if (this.onchain.dataset.key === key) return;
    this.onchain.dataset.key = key;
    if (!held) return this.onchain.replaceChildren();
    const contract = sink.detail.contracts?.[this.feed.name];
    this.onchain.title = `${sink.name}: the slot of ${contract ?? "the contract"} on chain ${sink.detail.chain} holds round ${instant(held.round)}`;
    this.onchain.replaceChildren(mark(sink.quality), `on chain ${scaled(held.value, this.feed.decimals)}`);
  }

  showSources() {
    const inputs = this.feed.inputs ?? [];
    const key = JSON.stringify(inputs.map((i) => [i.point, i.status, i.reason]));
    if (this.shown === key) return;
    this.shown = key;
    const usable = inputs.filter((i) => i.status === "used" || i.status === "given").length;
    const dots = inputs.slice(0, 8).map((input) => {
      const words = `${input.point || input.source}: ${input.status}${input.reason ? `, ${input.reason}` : ""}`;
      return el("li", { title: words }, inputMark(input.status), el("span", { class: "sr", text: words }));
    });
    this.dots.replaceChildren(...dots, inputs.length ? el("li", { class: "count", "aria-hidden": "true", text: `${usable}/${inputs.length}` }) : "");
  }

  showSpark() {
    const rounds = this.rounds();
    this.spark.replaceChildren(...[rounds.length > 1 ? sparkline(rounds, this.feed) : null].filter(Boolean));
  }

  tick(now) {
    const { latest, everyMs, staleMs } = this.feed;
    if (!latest) return;
    const age = now - Date.parse(latest.time);
    const stale = age > (staleMs || 3 * everyMs);
    set(this.time, span(age));
    this.time.setAttribute("datetime", latest.time);
    this.time.title = absolute(latest.time);
    this.tr.classList.toggle("stale", stale);
    set(this.note, stale ? "stale" : "");
  }
}
