// Charts of a feed's answers over time. Heights are parts of the exact difference: two values may differ only where a float ends.

import { between, el, grouped, instant, span, svg } from "./dom.js";

/** thin keeps the first, lowest, highest and last point of each column, so that no peak is lost. */
function thin(points) {
  const columns = new Map();
  for (const p of points) {
    const x = Math.round(p[0]);
    const c = columns.get(x);
    if (!c) columns.set(x, { first: p, low: p, high: p, last: p });
    else {
      if (p[1] > c.low[1]) c.low = p;
      if (p[1] < c.high[1]) c.high = p;
      c.last = p;
    }
  }
  return [...columns.values()].flatMap((c) => [...new Set([c.first, c.low, c.high, c.last])].sort((a, b) => a[0] - b[0]));
}

/** trace returns the path of each stretch without a hole: a round that has no answer is one, whether it was missed or never made. */
function trace(values, x, y, everyMs, stepped) {
  const stretches = [];
  let before = -Infinity;
  for (const r of values) {
    if (r.round - before > 1.5 * everyMs) stretches.push([]);
    stretches.at(-1).push([x(r.round), y(r.value)]);
    before = r.round;
  }
  return stretches.map((points) => {
    const kept = stepped ? points : thin(points);
    const text = kept.map(([px, py], i) => (i === 0 ? `M${px.toFixed(1)} ${py.toFixed(1)}` : stepped ? `H${px.toFixed(1)}V${py.toFixed(1)}` : `L${px.toFixed(1)} ${py.toFixed(1)}`)).join("");
    return { text: kept.length === 1 ? `${text}h.1` : text, from: kept[0][0], to: kept.at(-1)[0] };
  });
}

/** plot lays rounds out: where each lies, and what is highest and lowest. */
function plot(rounds, { width, height, top, bottom, side }) {
  const values = rounds.filter((r) => r.value !== undefined && r.value !== null);
  const low = values.reduce((a, b) => (BigInt(b.value) < BigInt(a.value) ? b : a));
  const high = values.reduce((a, b) => (BigInt(b.value) > BigInt(a.value) ? b : a));
  const [floor, range] = [BigInt(low.value), BigInt(high.value) - BigInt(low.value)];
  const [first, last] = [rounds[0].round, rounds.at(-1).round];
  return {
    values, low, high, first, last,
    x: (round) => side + ((round - first) / Math.max(1, last - first)) * (width - 2 * side),
    y: (value) => (range === 0n ? (top + height - bottom) / 2 : height - bottom - (Number(((BigInt(value) - floor) * 10000n) / range) / 10000) * (height - top - bottom)),
  };
}

function words({ values, low, high, first, last }, missed, unit) {
  return `${values.length} answers in ${span(last - first)}: ${grouped(low.text)} to ${grouped(high.text)} ${unit}`.trim() +
    (missed.length ? `; ${missed.length} missed` : "");
}

/** drawn is the line, what lies under it, and ticks for missed rounds. */
function drawn(p, feed, floor, missed, width) {
  const lines = trace(p.values, p.x, p.y, feed.everyMs, feed.kind !== "number");
  return [...lines.map((l) => svg("path", { class: "under", d: `${l.text}L${l.to.toFixed(1)} ${floor}L${l.from.toFixed(1)} ${floor}Z` })),
    ...lines.map((l) => svg("path", { d: l.text })),
    ...missed.map((r) => svg("rect", { x: (p.x(r.round) - width / 2).toFixed(1), y: floor - 3 * width, width, height: 3 * width }))];
}

/** sparkline is a feed's recent past in a row, and of which time it is; nothing if there is none. */
export function sparkline(rounds, feed) {
  const [width, height] = [128, 32];
  if (rounds.filter((r) => !r.missed).length < 2) return [];
  const p = plot(rounds, { width, height, top: 5, bottom: 5, side: 2 });
  const missed = rounds.filter((r) => r.missed);
  const text = words(p, missed, feed.unit);
  const newest = p.values.at(-1);
  const picture = svg("svg", { class: "line", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text },
    svg("title", { text }),
    ...drawn(p, feed, height, missed, 1.6),
    svg("circle", { cx: p.x(newest.round).toFixed(1), cy: p.y(newest.value).toFixed(1), r: 3.2 }));
  return [picture, labels(p, "")];
}

/** labels say of which time a picture is, below its ends. */
function labels({ first, last }, zone) {
  const [from, to] = between(first, last);
  return el("small", { class: "between", title: `${instant(first)} to ${instant(last)}` }, el("span", { text: from }), el("span", { text: to + zone }));
}

/** chart is the same past, large, with the round that is looked at; choose(round) is called for one that is clicked. */
export function chart(rounds, feed, selected, choose) {
  const [width, height] = [512, 116];
  if (rounds.filter((r) => !r.missed).length < 2) return null;
  const p = plot(rounds, { width, height, top: 14, bottom: 8, side: 5 });
  const missed = rounds.filter((r) => r.missed);
  const floor = height - 2;
  const said = el("figcaption", { text: words(p, missed, feed.unit) });
  const cursor = svg("line", { class: "cursor", y1: 4, y2: floor, visibility: "hidden" });
  const chosen = rounds.find((r) => r.round === selected);
  const sx = p.x(selected).toFixed(1);
  const picture = svg("svg", { class: "line large", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words(p, missed, feed.unit) },
    svg("line", { class: "rule", x1: 5, x2: width - 5, y1: floor, y2: floor }),
    ...drawn(p, feed, floor, missed, 2),
    cursor,
    chosen ? svg("line", { class: "chosen", x1: sx, x2: sx, y1: 4, y2: floor }) : null,
    chosen && !chosen.missed ? svg("circle", { cx: sx, cy: p.y(chosen.value).toFixed(1), r: 4 }) : null);
  const nearest = (event) => {
    const box = picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    return rounds.reduce((a, b) => (Math.abs(p.x(b.round) - at) < Math.abs(p.x(a.round) - at) ? b : a));
  };
  picture.addEventListener("pointermove", (event) => {
    const r = nearest(event);
    cursor.setAttribute("x1", p.x(r.round));
    cursor.setAttribute("x2", p.x(r.round));
    cursor.setAttribute("visibility", "visible");
    said.textContent = `${instant(r.round)}: ${r.missed ? `missed, ${r.missed}` : `${grouped(r.text)} ${feed.unit}`}`;
  });
  picture.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    said.textContent = words(p, missed, feed.unit);
  });
  picture.addEventListener("click", (event) => choose(nearest(event).round));
  return el("figure", {}, picture, labels(p, " UTC"), said);
}
