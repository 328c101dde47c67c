// The table of feeds: one row each, changed in place.

import { $ } from "./dom.js";
import { Row } from "./row.js";

/** Feeds owns the rows. verify(name) returns this browser's verdict on a feed's newest answer. */
export class Feeds {
  constructor(verify) {
    this.verify = verify;
    this.body = $("#feeds tbody");
    this.rows = new Map();
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
    if (row) {
      row.update(feed);
      return row;
    }
    row = new Row(feed.name, this.verify);
    this.rows.set(feed.name, row);
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
    this.problems = new Map(problems.filter((p) => p.part.startsWith("feed ")).map((p) => [p.part.slice("feed ".length), p.message]));
    for (const [name, row] of this.rows) row.judged(this.problems.get(name));
  }

  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const names = [...this.body.querySelectorAll(".open")];
    const at = names.indexOf(document.activeElement);
    names[Math.max(0, Math.min(names.length - 1, at + step))]?.focus();
    event.preventDefault();
  }
}
