// The table of feeds: one row each, changed in place.

import { $, absolute, el, every, group, grouped, inputMark, seal, set, span, svg } from "./dom.js";

const kept = 60; // rounds in a sparkline

/** Feeds owns the rows. open(name) is called for a feed that was chosen. */
export class Feeds {
  constructor(open) {
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
      row = new Row(feed.name, this.open);
      this.rows.set(feed.name, row);
    }
    row.update(feed);
    return row;
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
  constructor(name, open) {
    this.history = new Map(); // round → {round, value, text, missed}
    this.name = el("button", { type: "button", class: "open", text: name, title: name, "aria-haspopup": "dialog" });
    this.name.addEventListener("click", () => open(name));
    this.sub = el("span", { class: "sub" });
    this.whole = el("span");
    this.fraction = el("span", { class: "fraction" });
    this.answer = el("div", { class: "answer" }, this.whole, this.fraction);
    this.unit = el("td", { class: "unit" });
    this.spark = el("td", { class: "spark" });
    this.dots = el("ul", { class: "dots" });
    this.time = el("time");
    this.note = el("small");
    this.stamp = el("span", { class: "stamp" });
    this.tr = el("tr", {},
      el("th", { scope: "row" }, this.name, this.sub),
      el("td", { class: "num" }, this.answer),
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
    for (const round of rounds.slice(0, Math.max(0, rounds.length - kept))) this.history.delete(round);
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
    this.stamp.className = latest?.attested ? "stamp" : "stamp none";
    if (!latest) {
      set(this.whole, "no answer yet");
      set(this.fraction, "");
      this.stamp.replaceChildren("–");
      return;
    }
    // As many decimals as the recent answers had, so that digits stay in their places.
    const digits = Math.max(...this.rounds().map((r) => (r.text ?? "").split(".")[1]?.length ?? 0));
    const [whole, fraction] = group(latest.text, digits);
    set(this.whole, whole);
    set(this.fraction, fraction);
    this.answer.classList.toggle("long", whole.length + fraction.length > 14);
    this.answer.title = `${grouped(latest.text)} ${unit}`;
    const signed = `${latest.signed} signature${latest.signed === 1 ? "" : "s"}`;
    this.stamp.title = latest.attested ? `attested: ${signed}, as many as the quorum asks for` : `not attested: ${signed}, too few`;
    if (this.stamp.dataset.state !== String(latest.attested) || !this.stamp.firstChild) {
      this.stamp.dataset.state = latest.attested;
      this.stamp.replaceChildren(...(latest.attested ? [seal(), el("span", { class: "sr", text: "attested" })] : ["pending"]));
    }
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
    const values = rounds.filter((r) => r.value !== undefined && r.value !== null);
    if (values.length < 2) {
      this.spark.replaceChildren();
      return;
    }
    this.spark.replaceChildren(line(rounds, values, this.feed.kind !== "number"));
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

/** line draws the recent answers. Floats are good enough for pixels. */
function line(rounds, values, stepped) {
  const [width, height] = [132, 36];
  const numbers = values.map((r) => Number(r.value));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const first = rounds[0].round;
  const x = (round) => ((round - first) / Math.max(1, rounds.at(-1).round - first)) * (width - 4) + 1;
  const y = (n) => (high === low ? height / 2 : height - 5 - ((n - low) / (high - low)) * (height - 10));
  const points = values.map((r, i) => [x(r.round).toFixed(1), y(numbers[i]).toFixed(1)]);
  const path = points.map(([px, py], i) => (i === 0 ? `M${px} ${py}` : stepped ? `H${px}V${py}` : `L${px} ${py}`)).join("");
  const lowest = values[numbers.indexOf(low)].text;
  const highest = values[numbers.indexOf(high)].text;
  const missed = rounds.filter((r) => r.missed);
  const words = `${values.length} answers in ${span(rounds.at(-1).round - first)}: ${grouped(lowest)} to ${grouped(highest)}` +
    (missed.length ? `; ${missed.length} missed` : "");
  return svg("svg", { class: "line", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
    svg("title", { text: words }),
    svg("path", { class: "under", d: `${path}L${points.at(-1)[0]} ${height}L${points[0][0]} ${height}Z` }),
    svg("path", { d: path }),
    ...missed.map((r) => svg("rect", { x: (x(r.round) - 0.8).toFixed(1), y: height - 5, width: 1.6, height: 5 })),
    svg("circle", { cx: points.at(-1)[0], cy: points.at(-1)[1], r: 3.2 }));
}
