// The table of feeds: one row each, changed in place.

import { $ } from "./dom.js";
import { has } from "./panel.js";
import { Row } from "./row.js";

const soon = 20; // rows whose past is read before anybody has scrolled to them

/** Feeds owns the rows. verify(name) returns this browser's verdict on a feed's newest answer; seen is called when another row comes into sight. */
export class Feeds {
  constructor(verify, seen) {
    this.verify = verify;
    this.words = [];
    this.sight = new IntersectionObserver((entries) => {
      for (const e of entries) {
        const row = this.rows.get(e.target.dataset.feed);
        if (row) row.inSight = e.isIntersecting;
      }
      seen();
    });
    this.body = $("#feeds tbody");
    this.rows = new Map();
    this.body.addEventListener("keydown", (event) => this.move(event));
  }

  /** show makes the rows those of feeds. */
  show(feeds) {
    const names = new Set(feeds.map((f) => f.name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) {
        row.tr.remove();
        this.rows.delete(name);
      }
    }
    feeds.forEach((feed) => this.update(feed));
    this.order();
    $("#no-feeds").hidden = feeds.length > 0;
    $("#feeds table").hidden = feeds.length === 0;
  }

  /** order puts those that fail first, each sort by name. Nothing moves under the reader's fingers. */
  order() {
    if (this.body.contains(document.activeElement)) return;
    const rows = [...this.rows.values()].sort((a, b) => a.rank() - b.rank() || (a.feed.name < b.feed.name ? -1 : 1));
    rows.forEach((row, i) => this.body.children[i] !== row.tr && this.body.insertBefore(row.tr, this.body.children[i] ?? null));
    this.ranks = this.ranked();
  }

  near() {
    return [...this.body.children].map((tr) => this.rows.get(tr.dataset.feed)).filter((row, i) => row && !row.tr.hidden && (row.inSight || i < soon));
  }

  ranked() {
    return [...this.rows.values()].map((row) => row.rank()).join();
  }

  get troubled() {
    return [...this.rows.values()].filter((row) => row.rank() < 2).length;
  }

  sift(words) {
    this.words = words;
    for (const row of this.rows.values()) row.tr.hidden = !has(row.said(), words);
    $("#feeds .none").hidden = !words.length || [...this.rows.values()].some((row) => !row.tr.hidden);
  }

  /** update shows how one feed stands now. */
  update(feed) {
    let row = this.rows.get(feed.name);
    if (row) {
      row.update(feed);
      return row;
    }
    row = new Row(feed.name, this.verify);
    this.rows.set(feed.name, row);
    row.tr.dataset.feed = feed.name;
    this.body.append(row.tr);
    this.sight.observe(row.tr);
    row.update(feed);
    row.showSlot(this.holding(feed.name)); // sinks may have told before the row was there
    row.judged(this.problems?.get(feed.name));
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

  /** judged shows what the node's own judgement says of feeds that never had a round. */
  judged(problems) {
    this.problems = new Map(problems.filter((p) => p.of === "feed").map((p) => [p.name, p.message]));
    for (const [name, row] of this.rows) row.judged(this.problems.get(name));
  }

  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
    if (this.ranks !== this.ranked()) this.order();
    if (this.words.length) this.sift(this.words);
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const names = [...this.body.querySelectorAll("tr:not([hidden]) .open")];
    const at = names.indexOf(document.activeElement);
    names[Math.max(0, Math.min(names.length - 1, at + step))]?.focus();
    event.preventDefault();
  }
}
