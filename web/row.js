// The row of one feed: its answer, or why there is none, where it came from, and whether it can be trusted.

import { sparkline } from "./chart.js";
import { counted, instant, cross, el, every, figure, grouped, inputMark, mark, measured, renew, scaled, seal, set, span } from "./dom.js";
import { link } from "./links.js";

const hour = 3_600_000; // ms
const most = 1000; // rounds kept of a feed: a page of the API
const shortUnit = 5; // characters that fit beside the value

const cell = (name, ...children) => el("td", { role: "cell", class: name }, ...children);

/** past returns where the chart of a feed begins: an hour ago, or sixty rounds if they are longer. Zero: with the newest. */
export const past = (feed, now) => (feed.everyMs * most < hour ? 0 : Math.floor(now - Math.max(hour, 60 * feed.everyMs)));

export class Row {
  constructor(name, verify) {
    this.verify = verify;
    this.history = new Map(); // round → {round, value, text, missed}
    this.name = el("a", { class: "open", href: link(name), "aria-haspopup": "dialog", text: name });
    this.sub = el("span", { class: "sub" });
    this.value = el("bdi");
    this.answer = el("div", { class: "answer" }, this.value);
    this.onchain = el("div", { class: "onchain" });
    this.unit = el("bdi", { class: "unit", "aria-hidden": "true" });
    this.spoken = el("span", { class: "sr" });
    this.spark = cell("spark");
    this.dots = el("ul", { class: "dots" });
    this.time = el("time");
    this.note = el("small");
    this.stamp = el("button", { type: "button", class: "stamp" });
    this.stamp.addEventListener("click", () => this.check());
    this.why = el("bdi");
    this.cause = cell("cause", this.why);
    this.tr = el("tr", { role: "row" },
      el("th", { role: "rowheader", scope: "row" }, this.name, " ", this.sub),
      cell("num value-of", this.spoken, el("div", { class: "fitted", "aria-hidden": "true" }, this.answer), " ", this.unit, this.onchain),
      this.spark,
      cell("inputs-of", this.dots),
      cell("num age", this.time, this.note),
      cell("seal", this.stamp),
      this.cause);
  }

  update(feed) {
    this.feed = feed;
    const points = new Map(feed.points?.map((p) => [p.id, p]));
    for (const i of feed.inputs ?? []) ({ unit: i.unit, quality: i.quality } = points.get(i.point) ?? {});
    if (feed.latest) this.remember(feed.latest);
    if (feed.missed) this.remember({ round: feed.missed.round, time: feed.missed.time, missed: feed.missed.reason });
    this.trim();
    this.showAnswer();
    this.showSources();
    this.showSpark();
    this.showCause();
    set(this.sub, `every ${every(feed.everyMs)}`);
  }

  /** rank is in which place the row stands: what fails first. */
  rank() {
    const { latest, quality } = this.feed;
    return !latest || this.stale ? 0 : quality === "good" ? 2 : 1;
  }

  said() {
    const { name, unit, inputs } = this.feed;
    return [name, unit, this.why.textContent, ...(inputs ?? []).map((i) => i.source)].join(" ");
  }

  /** recall adds rounds of the past. */
  recall(rounds) {
    rounds.forEach((round) => this.history.set(round.round, round));
    this.recalled = true;
    this.trim();
    this.showAnswer();
    this.showSpark();
  }

  /** remember adds the newest round. What lies between it and the one before, if anything does, is read again. */
  remember(round) {
    const newest = this.newest ?? round.round;
    if (round.round - newest > 1.5 * this.feed.everyMs) this.recalled = false;
    this.newest = Math.max(newest, round.round);
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
    this.tr.classList.toggle("mute", !latest);
    this.tr.classList.toggle("long-unit", unit.length > shortUnit);
    set(this.unit, latest ? unit : "");
    const text = latest ? grouped(latest.text) : "";
    if (this.value.textContent !== text) {
      this.value.replaceChildren(...figure(text));
      this.answer.style.setProperty("--characters", text.length);
    }
    this.answer.title = `${text} ${unit}`.trim();
    set(this.spoken, this.answer.title);
    this.showSeal();
  }

  /** judged takes what the node says of this feed as a whole. */
  judged(message) {
    this.judgement = message;
    this.showCause();
  }

  /** showCause tells what is wrong, whole: where the value would be if there is none, else beneath the row. */
  showCause() {
    const { latest, missed, quality, reason } = this.feed;
    const own = missed?.reason ?? (latest && reason);
    const trouble = (quality !== "good" && own) || ((!latest || this.stale) && this.judgement);
    const text = trouble || (latest ? "" : "no answer yet");
    this.cause.hidden = !text;
    const sort = !trouble ? "waiting" : latest && !this.stale ? "uncertain" : "bad";
    set(this.why, text);
    this.cause.className = `cause ${sort}`;
    this.tr.classList.toggle("troubled", !!trouble);
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
      : latest.attested ? `attested with ${counted(latest.signed, "signature")}; verify it in this browser` : `not attested: ${counted(latest.signed, "signature")}, too few`;
    this.stamp.title = verdict ? `checked in this browser, as each answer that follows: ${said}` : said;
    this.stamp.disabled = !latest?.attested;
    if (this.checking && latest?.attested && this.looked !== latest.round) queueMicrotask(() => this.check());
    this.stamp.className = `stamp ${state}`;
    const word = { none: latest ? "pending" : "–", bad: verdict?.reason, verified: "verified", attested: "" }[state];
    renew(this.stamp, state + word + said, () => [state === "bad" ? cross() : state === "none" ? "" : seal(), word,
      el("span", { class: "sr", text: ` ${this.feed.name}: ${said}` })]);
  }

  showSlot(sink) {
    const held = sink?.detail.slots[this.feed.name];
    renew(this.onchain, held ? `${held.round} ${held.value} ${sink.quality}` : "", () => {
      if (!held) return [];
      const contract = sink.detail.contracts?.[this.feed.name];
      this.onchain.title = `${sink.name}: the slot of ${contract ?? "the contract"} on chain ${sink.detail.chain} holds round ${instant(held.round)}`;
      return [mark(sink.quality), `on chain ${scaled(held.value, this.feed.decimals)}`];
    });
  }

  showSources() {
    const inputs = this.feed.inputs ?? [];
    const usable = inputs.filter((i) => i.status === "used" || i.status === "given").length;
    const said = inputs.map((i) => [i.status, `${i.point || i.source}: ${[i.status, measured(i, this.feed), i.quality, i.reason].filter(Boolean).join(", ")}`]);
    renew(this.dots, JSON.stringify(said), () => [
      ...said.slice(0, 8).map(([status, text]) => el("li", { title: text }, inputMark(status), el("span", { class: "sr", text }))),
      inputs.length ? el("li", { class: "count", "aria-hidden": "true", text: `${usable}/${inputs.length}` }) : ""]);
  }

  showSpark() {
    this.spark.replaceChildren(...sparkline(this.rounds(), this.feed));
  }

  tick(now) {
    const { latest, everyMs, staleMs, quality } = this.feed;
    if (!latest) return;
    const age = now - Date.parse(latest.time);
    const stale = age > (staleMs || 3 * everyMs);
    set(this.time, span(age));
    this.time.setAttribute("datetime", latest.time);
    this.time.title = instant(latest.time);
    this.tr.classList.toggle("stale", stale);
    if (this.stale !== stale) {
      this.stale = stale;
      this.showCause();
    }
    const word = stale ? "stale" : quality;
    renew(this.note, word, () => [stale ? inputMark(word) : mark(word), word]);
  }
}
