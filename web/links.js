// Links to a feed and to a round of it, which can be shared, and what the browser's back and forward do with them.

/** link is where a feed is shown: its newest round, or the one that is named. */
export const link = (feed, round) => `#feed/${encodeURIComponent(feed)}${round ? `/${encodeURIComponent(round)}` : ""}`;

/** at is where the API has a feed, or a part of it. */
export const at = (feed, ...parts) => ["v1/feeds", ...[feed, ...parts].map(encodeURIComponent)].join("/");

const places = ["feeds", "sinks", "modules", "sources"];

/** target reads a link: {feed, round}, or {part} for the place of a part on the page; null of anything else. */
export function target(hash) {
  let words;
  try {
    words = hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  } catch {
    return null; // not one of ours
  }
  const [sort, name, round] = words;
  if (!name) return places.includes(sort) ? { part: sort } : null;
  if (sort === "feed") return { feed: name, round };
  return ["source", "sink", "module"].includes(sort) ? { part: `${sort}/${name}` } : null;
}

export class Links {
  /** show(target) is called for each link that is followed, hide() where there is none any more. */
  constructor({ show, hide }) {
    this.show = show;
    this.hide = hide;
    addEventListener("hashchange", () => this.follow());
    document.addEventListener("click", (event) => this.click(event));
  }

  /** follow shows what the address names. */
  follow() {
    const named = target(location.hash);
    if (named) this.show(named);
    else this.hide();
  }

  /** click gives a link an entry of its own to go back from, but only one for all that is shown on top of the page. */
  async click(event) {
    const href = event.target.closest?.("a[href^='#']")?.getAttribute("href");
    if (!href || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    await this.returning;
    if (target(location.hash)?.feed) history.replaceState(history.state, "", href);
    else history.pushState({ above: true }, "", href);
    this.follow();
  }

  /** moved says that another round is looked at: the address names it, and back leads to where the reader came from. */
  moved(feed, round) {
    history.replaceState(history.state, "", link(feed, round));
  }

  /** left goes back to the page below: by the browser's own step if the reader came from there. */
  left() {
    if (!target(location.hash)?.feed) return;
    if (!history.state?.above) return history.replaceState(null, "", location.pathname + location.search);
    this.returning = new Promise((done) => addEventListener("popstate", done, { once: true }));
    history.back();
  }
}
