// A panel: a short list of one kind of part, kept in place while what it says changes.

import { $, el, mark, renew, set } from "./dom.js";

export class Panel {
  /** make(item) returns a row: {node, update(item), tick(now)}. A panel without items is not shown. */
  constructor(id, make) {
    this.section = $(`#${id}`);
    this.list = this.section.querySelector(".panel");
    this.make = make;
    this.rows = new Map();
  }

  /** show makes the rows those of items, those in trouble first; key(item) tells them apart. */
  show(list, key = (item) => item.name) {
    const items = list.toSorted((a, b) => !!b.troubled - !!a.troubled);
    const keys = new Set(items.map(key));
    for (const [name, row] of this.rows) {
      if (!keys.has(name)) {
        row.node.remove();
        this.rows.delete(name);
      }
    }
    items.forEach((item, i) => {
      let row = this.rows.get(key(item));
      if (!row) this.rows.set(key(item), (row = this.make(item)));
      row.update(item);
      if (this.list.children[i] !== row.node) this.list.insertBefore(row.node, this.list.children[i] ?? null);
    });
    this.section.hidden = items.length === 0;
    this.troubled = items.filter((item) => item.troubled).length;
    this.sift(this.words ?? []);
  }

  sift(words) {
    this.words = words;
    for (const row of this.rows.values()) row.node.hidden = !has(row.node.textContent, words);
  }

  tick(now) {
    for (const row of this.rows.values()) row.tick?.(now);
  }
}

export const has = (text, words) => words.every((word) => text.toLowerCase().includes(word));

/** A Part is the row of one part: its name and kind, its state, a few facts, and beneath them what is wrong. */
export class Part {
  constructor(id) {
    this.title = el("bdi", { class: "title" });
    this.kind = el("span", { class: "kind" });
    this.state = el("span", { class: "state" });
    this.facts = el("div", { class: "facts-line" });
    this.cause = el("p", { class: "cause", dir: "auto", hidden: true });
    this.node = el("li", { id, tabindex: "-1" }, el("div", { class: "head" }, el("span", {}, this.title, " ", this.kind), this.state), this.facts, this.cause);
  }

  name(title, kind = "") {
    set(this.title, title);
    set(this.kind, kind);
  }

  stands(quality, word, shape) {
    renew(this.state, `${quality} ${word}`, () => [mark(quality, shape), word]);
  }

  /** says shows what is wrong, whole; nothing if text is empty. */
  says(text, quality) {
    this.cause.hidden = !text;
    set(this.cause, text || "");
    this.cause.className = `cause ${quality}`;
  }
}
