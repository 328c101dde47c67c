// The panel of sources: what each brings, and what keeps it from that.

import { counted, instant, el, set, span } from "./dom.js";
import { Panel, Part } from "./panel.js";

export class Sources extends Panel {
  constructor() {
    super("sources", (source) => new Source(`source/${source.name}`));
  }
}

class Source extends Part {
  constructor(id) {
    super(id);
    this.time = el("time");
    this.counts = el("span");
    this.facts.append(this.time, this.counts);
  }

  update(source) {
    this.source = source;
    this.name(source.name, source.kind);
    this.stands(source.troubled || source.quality === "good" ? source.quality : "none", source.state);
    this.says(source.quality !== "good" && source.lastError, source.quality);
    set(this.counts, source.failures ? ` · ${source.failures} failed` : "");
    this.facts.title = `${counted(source.exchanges, "exchange")}, ${source.failures} failed, ${counted(source.readings, "reading")}, ${source.dropped} dropped${source.lastDrop ? `, the last at ${instant(source.dropTime)}: ${source.lastDrop}` : ""}`;
  }

  tick(now) {
    const { lastReading, nextTry } = this.source;
    const wait = nextTry ? Date.parse(nextTry) - now : 0;
    const next = wait > 0 && this.source.quality !== "good" ? ` · next try in ${span(wait + 999)}` : "";
    set(this.time, (lastReading ? `read ${span(now - Date.parse(lastReading))} ago` : "nothing read yet") + next);
    if (!lastReading) return;
    this.time.setAttribute("datetime", lastReading);
    this.time.title = instant(lastReading);
  }
}
