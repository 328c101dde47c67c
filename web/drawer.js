// The drawer: where one answer came from. A native dialog: it keeps the focus, Esc closes it, focus returns.

import { chart } from "./chart.js";
import { command, dodona, verifyAt } from "./command.js";
import { $, counted, instant, cross, el, grouped, inputMark, mark, measured, scaled, seal, short, spoken } from "./dom.js";
import { at, link } from "./links.js";
import { read, readText } from "./node.js";

const around = 60; // rounds to each side of one that is further back than the page remembers

export class Drawer {
  /**
   * rounds(feed) returns the rounds that the page knows, oldest first; feed(name) how a feed stands; sinks(name) what
   * delivers it; verify(path) what this browser finds of an answer; moved(feed, round) and left() are told what the reader
   * went on to.
   */
  constructor({ rounds, feed, sinks, verify, moved, left }) {
    Object.assign(this, { sinks, verify, rounds, feed, moved });
    this.dialog = $("#drawer");
    this.body = $("#drawer-body");
    $("#drawer-close").append(cross());
    $("#drawer-close").addEventListener("click", () => this.close());
    $("#older").addEventListener("click", () => this.step(-1));
    $("#newer").addEventListener("click", () => this.step(1));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.outside(event) && this.close());
    this.dialog.addEventListener("close", () => {
      if (!this.led) left();
      this.led = false;
    });
    this.dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !event.altKey && !event.metaKey && !event.ctrlKey) this.step(step);
    });
  }

  outside(event) {
    return event.clientX < this.dialog.getBoundingClientRect().left;
  }

  /** close leaves the address alone if that led here. */
  close(led = false) {
    this.led = led && this.dialog.open;
    this.dialog.close();
  }

  /** open shows a round of a feed: the newest one if none is named. What is not there is told in the node's words. */
  async open(name, named) {
    named ||= "latest";
    this.name = name;
    this.past = [];
    this.round = 0;
    $("#drawer-title").textContent = name;
    $("#drawer-round").textContent = "";
    if (!this.dialog.open) this.dialog.showModal();
    this.body.focus();
    this.refresh();
    this.fill(asking());
    const newest = this.rounds(name).at(-1)?.round;
    const round = named === "latest" ? newest : /^[1-9]\d{0,15}$/.test(named) ? Number(named) : Date.parse(named);
    if (this.feed(name) && round > 0) return this.show(round);
    if (this.feed(name) && named === "latest") return this.tell(this.feed(name).missed?.reason || "This feed has no rounds yet.");
    try {
      const { problem } = await read(this.feed(name) ? at(name, "rounds", named) : at(name));
      if (this.name === name) this.tell(problem?.detail ?? "This feed is new here; load the page again.");
    } catch (error) {
      if (this.name === name) this.tell(`The node did not answer: ${error.message}`);
    }
  }

  /** tell says why there is nothing to show. */
  tell(words) {
    this.fill(el("p", { class: "nothing", role: "status", dir: "auto", text: words }), el("p", {}, el("a", { href: "#", text: "All feeds" })));
  }

  /** known returns the rounds about the one that is looked at: those of the page, or those that were read for it. */
  known() {
    const lists = [this.rounds(this.name), this.past].sort((a, b) => b.length - a.length);
    return lists.find((list) => list.some((r) => r.round === this.round)) ?? [];
  }

  /** step goes to the round before or after, which the node may have to be asked for. */
  async step(by) {
    const { name, round } = this;
    const beside = () => {
      const rounds = this.known();
      const at = rounds.findIndex((r) => r.round === round);
      return at < 0 ? undefined : rounds[at + by];
    };
    if (!round) return;
    if (!beside()) await this.recall(round).catch(() => {}); // then there is none for now
    const next = beside() ?? (by > 0 ? await this.after(round).catch(() => {}) : undefined);
    if (!next || this.name !== name || this.round !== round) return this.refresh();
    this.moved(name, next.round);
    this.show(next.round);
  }

  /** recall reads the rounds about one. */
  async recall(round) {
    const { name } = this;
    const side = around * (this.feed(name)?.everyMs ?? 0);
    const { rounds } = await read(`${at(name, "rounds")}?from=${Math.max(1, round - side)}&limit=${2 * around + 1}`);
    if (rounds && this.name === name) this.past = rounds.filter((r) => r.round <= round + side);
  }

  /** after returns the next round that there is, however long nothing was made. */
  async after(round) {
    const { rounds } = await read(`${at(this.name, "rounds")}?from=${round + 1}&limit=1`);
    return rounds?.[0];
  }

  /** refresh follows what was learned since: a newer round may have come. */
  refresh() {
    if (!this.dialog.open) return;
    const newest = this.rounds(this.name).at(-1)?.round ?? 0;
    $("#older").disabled = !this.round || (this.past[0]?.round === this.round && this.past.length > 1);
    $("#newer").disabled = !this.round || this.round >= newest;
  }

  async show(round) {
    this.round = round;
    $("#drawer-round").textContent = instant(round);
    this.refresh();
    this.fill(...this.beforehand());
    const base = at(this.name, "rounds", round);
    try {
      const missed = this.known().find((r) => r.round === round)?.missed;
      const past = this.known().length < 2 ? this.recall(round) : null;
      const [document, story, tree] = await Promise.all([
        missed ? { problem: { detail: missed } } : read(base), // known to be no answer
        read(`${base}/explain`), readText(`${base}/explain`), past,
      ]);
      if (this.round !== round || !this.dialog.open) return;
      this.refresh();
      if (document.problem && story.problem) this.tell(document.problem.detail);
      else this.fill(...this.parts(base, document, story, tree));
    } catch (error) {
      if (this.round === round) this.tell(`The node did not answer: ${error.message}`);
    }
  }

  fill(...parts) {
    this.body.replaceChildren(...parts.filter(Boolean));
    this.body.scrollTop = 0;
  }

  parts(base, document, story, tree) {
    const answer = document.problem ? null : document;
    const inputs = document.problem?.inputs ?? inputsOf(story) ?? this.knownInputs();
    return [
      answer ? this.value(answer, story.quality) : failed(document.problem.detail),
      answer && verdict(answer, story.attestation?.verdict),
      answer ? this.checks(base) : el("div", { class: "checks" }, this.itself()),
      this.pictured(),
      ...(inputs?.length ? [head("What the sources said"), el("ul", { class: "inputs" }, ...inputs.map((input) => inputLine(input, this.feed(this.name))))] : []),
      ...this.delivered(story),
      answer && head("Signed"),
      answer && signed(answer, story.observation),
      tree && head("Explained"),
      tree && el("div", { class: "tree mono" }, ...tree.trimEnd().split("\n").filter((line) => !line.startsWith("replay: ")).map(branch)),
      head("Check it yourself"),
      answer && command(verifyAt(base)),
      command(`${dodona(`bundle export ${this.name} ${this.round}`)} | dodona replay -`),
      command(dodona(`explain ${this.name} ${this.round}`)),
    ];
  }

  /** checks offers the verdict of this browser, here and on a page of its own. */
  checks(base) {
    const button = el("button", { type: "button", class: "check", text: "Verify in this browser" });
    const verifier = el("a", { href: `verify?url=${encodeURIComponent(base)}`, text: "Open in the verifier" });
    const said = el("p", { role: "status" });
    button.addEventListener("click", async () => {
      button.disabled = true;
      const { valid, reason, message } = await this.verify(base);
      button.disabled = false;
      said.className = valid ? "good" : "bad";
      said.replaceChildren(mark(valid ? "good" : "bad"), el("span", { text: valid ? `verified here: ${message}` : `not valid (${reason}): ${message}` }));
    });
    return el("div", { class: "checks" }, button, verifier, this.itself(), said);
  }

  /** itself links to this round, for others to open. */
  itself() {
    return el("a", { class: "itself", href: link(this.name, this.round), text: "Link to this round" });
  }

  pictured() {
    const rounds = this.known();
    return rounds.length > 1 ? chart(rounds, this.feed(this.name), this.round, (round) => {
      this.moved(this.name, round);
      this.show(round);
    }) : null;
  }

  /** delivered tells what sinks did with this answer, or are about to do, and of the others how they fare now. */
  delivered(story) {
    const sinks = this.sinks(this.name);
    if (!sinks.length) return [];
    const step = (sign, sink, word, text, title = "") => el("li", {}, sign, el("b", { text: sink }), el("span", { class: "said", text: word }), el("small", { text, title }));
    const done = (story?.deliveries ?? []).map((d) => step(mark(d.status === "dead" || d.status === "reverted" ? "bad" : "good"), d.sink, d.status, deliveredTo(d), d.onChain?.tx));
    const underWay = (story?.pending ?? []).map((p) => step(mark("uncertain", "ring"), p.sink, p.state, onItsWay(p), p.tx));
    const told = new Set([...(story?.deliveries ?? []), ...(story?.pending ?? [])].map((d) => d.sink));
    return [head("Delivered"), el("ul", { class: "inputs" }, ...done, ...underWay,
      ...sinks.filter((s) => !told.has(s.name)).map((s) => this.now(s)))];
  }

  /** now tells how a sink fares that did nothing with this answer. */
  now(s) {
    const trouble = s.quality !== "good" && s.lastError;
    const slot = s.detail?.slots?.[this.name];
    const { decimals, unit } = this.feed(this.name);
    const holds = slot ? `chain ${s.detail.chain}: the slot holds ${scaled(slot.value, decimals)} ${unit} of ${instant(slot.round)}`
      : s.lastAt && s.lastFeed === this.name ? `round ${s.lastRecord} delivered` : `${s.delivered} delivered`;
    return el("li", {}, mark(s.quality), el("b", { text: s.name }), el("span", { class: "said", text: `now ${s.state}` }),
      el("small", { text: `${s.kind}, ${holds}, ${s.waiting} waiting`, title: s.lastAt ? instant(s.lastAt) : "" }),
      trouble ? el("small", { class: "why", text: s.lastError }) : null);
  }

  value(answer, quality) {
    const known = this.known().find((r) => r.round === this.round);
    return written(known?.text ? grouped(known.text) : scaled(answer.attestation.report.value, answer.feed.decimals), answer.feed.unit, known?.quality ?? quality);
  }

  /** beforehand shows what the page knows of a round while the node is asked for the rest. */
  beforehand() {
    const known = this.known().find((r) => r.round === this.round);
    return [known && (known.missed ? failed(known.missed) : written(grouped(known.text), this.feed(this.name).unit, known.quality)), asking()];
  }

  knownInputs() {
    const feed = this.feed(this.name);
    const newest = Math.max(feed?.latest?.round ?? 0, feed?.missed?.round ?? 0);
    return newest === this.round ? feed.inputs : null;
  }
}

const head = (text) => el("h3", { text });

function written(text, unit, quality) {
  const value = el("p", { class: "value" }, ...spoken(unit ? `${text}\u00a0${unit}` : text), quality ? el("span", { class: "quality" }, mark(quality), quality) : null);
  value.style.setProperty("--characters", text.length);
  return value;
}

const asking = () => el("p", { class: "waiting", text: "asking the node …" });

const failed = (why) => el("p", { class: "value missed", dir: "auto", text: why });

/** deliveredTo says where an answer went, at that time. */
function deliveredTo(d) {
  const c = d.onChain;
  return [d.instead && `round ${d.instead} went instead`, c && `chain ${c.chain}, block ${c.block}, transaction ${short(c.tx)}`,
    c?.gasUsed && `${grouped(String(c.gasUsed))} gas`, instant(d.at), d.late && "late", d.detail].filter(Boolean).join(", ");
}

/** onItsWay says how far an answer has come that no block has, or not deep enough. */
function onItsWay(p) {
  const sent = p.tx ? `chain ${p.chain}, transaction ${short(p.tx)}, nonce ${p.nonce}` : "no transaction yet";
  return [p.instead && `round ${p.instead} goes instead`, sent, `since ${instant(p.since)}`].filter(Boolean).join(", ");
}

/** inputsOf finds what the sources gave in an explanation. */
const inputsOf = (story) => (Array.isArray(story?.inputs) ? story.inputs : null);

/** verdict says what the node's own check of the signatures came to, or else what the document carries. */
function verdict(answer, checked) {
  const { quorum, network, attestation } = answer;
  if (checked && !checked.valid) return el("p", { class: "verdict bad", text: `Not valid (${checked.reason}): ${checked.message}` });
  const count = `${attestation.signatures.length} of ${quorum.members.length} signed, ${quorum.k} needed, network “${network.name}”`;
  return el("div", { class: "verdict" }, el("span", { class: "stamp" }, seal(), "Attested"), el("span", { text: checked?.message ?? count }));
}

function inputLine(input, feed) {
  const off = input.status !== "used" && input.status !== "given";
  const digest = input.readings?.[0]?.digest;
  const detail = [input.quality, input.readings?.[0]?.detail, digest && `reading ${short(digest)}`].filter(Boolean).join(" · ");
  return el("li", {},
    inputMark(input.status),
    el("b", { text: input.point || input.source }),
    el("span", { class: off ? "said off" : "said" }, ...spoken(measured(input, feed) || "–")),
    off || input.reason ? el("small", { class: "why" }, `${off ? input.status : input.quality ?? "given"}${input.reason ? ": " : ""}`, el("bdi", { text: input.reason ?? "" })) : null,
    detail ? el("small", { text: detail, title: digest ?? "" }) : null);
}

/** branch is a line of an explanation, which goes on under its own beginning. */
function branch(text) {
  const line = el("p", { text });
  line.style.setProperty("--indent", `${text.search(/[^ ├└│]|$/) + 2}ch`);
  return line;
}

function signed(answer, observation) {
  const { report, observed } = answer.attestation;
  const fact = (name, ...values) => [el("dt", { text: name }), ...values.map((v) => el("dd", { class: "mono", text: v }))];
  return el("dl", { class: "facts" },
    ...fact("Round", String(report.round)),
    ...fact("Value", `${report.value} (${counted(answer.feed.decimals, "decimal")})`),
    ...fact("Feed id", report.feed),
    ...fact("Observed", observed),
    ...(observation?.program ? fact("Program", observation.program) : []),
    ...fact(answer.quorum.members.length === 1 ? "Member" : "Members", answer.quorum.members.join(" ")));
}
