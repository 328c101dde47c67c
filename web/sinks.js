// The panel of sinks: what was delivered last, what waits and since when, and what was refused for good.

import { command, dodona } from "./command.js";
import { counted, instant, el, grouped, renew, set, short, span } from "./dom.js";
import { link } from "./links.js";
import { Panel, Part } from "./panel.js";

export class Sinks extends Panel {
  constructor() {
    super("sinks", (sink) => new Sink(sink.name));
  }
}

class Sink extends Part {
  constructor(name) {
    super(`sink/${name}`);
    this.delivered = el("p");
    this.waiting = el("p");
    this.chain = el("p");
    this.dead = el("details", { class: "dead", hidden: true }, el("summary"), el("div"), el("ul"));
    this.facts.append(this.delivered, this.waiting, this.chain);
    this.node.append(this.dead);
  }

  update(s) {
    this.sink = s;
    this.name(s.name, s.kind);
    const letters = s.deadLetters ?? [];
    const dead = Math.max(s.dead, letters.length);
    this.stands(s.troubled || s.lastAt ? s.quality : "none", s.state);
    this.says((s.troubled || s.attempt > 0) && s.lastError || s.note, s.quality === "good" ? "uncertain" : s.quality);
    this.showLast(s);
    set(this.chain, s.kind === "evm" ? onChain(s.detail) : "");
    this.chain.title = s.detail?.sender ?? "";
    this.showDead(s.name, dead, letters);
  }

  /** showLast tells of the newest receipt. */
  showLast(s) {
    renew(this.delivered, `${s.delivered} ${s.lastFeed} ${s.lastRecord}`, () => {
      const count = `${grouped(String(s.delivered))} delivered`;
      this.ago = el("time", { title: s.lastAt && `${instant(s.lastAt)}\n${s.lastRecord}` });
      if (!s.lastAt) return [count];
      const last = s.lastTopic === "data" ? el("a", { href: link(s.lastFeed, s.lastRecord), text: s.lastFeed }) : s.lastTopic === "reading" ? s.lastFeed : "an anchor";
      return [`${count} · last `, last, " ", this.ago];
    });
  }

  showDead(name, count, letters) {
    this.dead.hidden = count === 0;
    const key = JSON.stringify([count, letters]);
    if (this.dead.dataset.key === key) return;
    this.dead.dataset.key = key;
    const [summary, all, list] = this.dead.children;
    set(summary, `${counted(count, "dead letter")}: refused for good${letters.length === count ? "" : letters.length ? `; the newest ${letters.length}` : "; none is left to send"}`);
    list.replaceChildren(...letters.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at)).map((l) => letter(name, l)));
    all.replaceChildren(...(letters.length ? [el("small", { text: "To send all of these once more:" }), command(dodona(`sink resend ${name}`))] : []));
  }

  tick(now) {
    const { sink: s } = this;
    if (s.lastAt) set(this.ago, `${span(now - Date.parse(s.lastAt))} ago`);
    const wait = s.nextTry ? Date.parse(s.nextTry) - now : 0;
    const next = wait > 0 ? ` · next try in ${span(wait + 999)}` : "";
    const oldest = s.oldest ? `, the oldest for ${span(now - Date.parse(s.oldest))}` : "";
    const lost = s.overtaken ? `${counted(s.overtaken.readings, "reading")} freed before they went, of ${instant(s.overtaken.from)} to ${instant(s.overtaken.until)}` : "";
    set(this.waiting, [s.waiting || next ? `${s.unread ? `${counted(s.queue, "point")} waiting, and what ${counted(s.unread, "exchange")} brought behind them` : `${grouped(String(s.waiting))} waiting`}${oldest}${next}` : "", lost].filter(Boolean).join(" · "));
  }
}

/** onChain tells who pays, and what is under way. */
function onChain(d) {
  if (!d) return "";
  const way = [[d.planned, "planned"], [d.flying, "in no block"], [d.mined, "not deep enough"]].filter(([n]) => n).map(([n, word]) => `${n} ${word}`);
  return [d.chain && `chain ${d.chain}`, `${short(d.sender)}${d.balance ? ` has ${d.balance}` : ""}`, ...way].filter(Boolean).join(" · ");
}

function letter(sink, l) {
  const data = l.topic === "data";
  const round = /^\d+$/.test(l.record) ? instant(Number(l.record)) : l.record;
  return el("li", {},
    data ? el("a", { href: link(l.key, l.record), text: l.key }) : el("b", { text: l.topic }), ` ${round}`,
    el("p", { class: "cause bad", dir: "auto", text: l.detail }),
    data ? command(dodona(`sink resend ${sink} ${l.key} ${l.record}`)) : null);
}
