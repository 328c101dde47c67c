// The panel of modules: which code computes which feed, and how it fares.

import { counted, el, set } from "./dom.js";
import { link } from "./links.js";
import { Panel, Part } from "./panel.js";

export class Modules extends Panel {
  constructor() {
    super("modules", (m) => new Module(`module/${m.feed}`));
  }

  show(list) {
    super.show(list, (m) => m.feed);
  }
}

class Module extends Part {
  constructor(id) {
    super(id);
    this.feed = el("a");
    this.counts = el("span");
    this.hash = el("code", { class: "hash", title: "the digest of the module" });
    this.facts.append("feed ", this.feed, this.counts, this.hash);
  }

  update(m) {
    this.name(m.name, m.version);
    if (m.loading) this.stands("none", "being loaded");
    else if (m.running) this.stands(m.failed ? "uncertain" : "good", "running");
    else this.stands("bad", "not running");
    set(this.feed, m.feed);
    this.feed.setAttribute("href", link(m.feed));
    set(this.counts, ` · ${counted(m.events, "event")}, ${counted(m.failed, "fault")}${m.meanUs ? ` · ${brief(m.meanUs)} each` : ""}`);
    set(this.hash, m.digest ?? "");
    this.says((m.failed || !m.running) && m.lastError, m.running ? "uncertain" : "bad");
  }
}

/** brief writes microseconds: 41 µs, 3.2 ms. */
const brief = (us) => (us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`);
