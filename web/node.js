// The node: its API with a token if it asks for one, and its stream with reconnection.

const storage = "dodona-token";
let token = sessionStorage.getItem(storage) ?? "";

/** Refused: the node asks for a token. */
export class Refused extends Error {}

export function useToken(text) {
  token = text;
  sessionStorage.setItem(storage, text);
}

/** tokened reports whether this node was given a token. */
export const tokened = () => token !== "";

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  if (response.status === 401) throw new Refused("the node asks for a token");
  return response;
}

/** read returns the JSON at path. A problem document is returned too, under "problem". */
export async function read(path) {
  for (let attempt = 0; ; attempt++) {
    const response = await request(path);
    if (response.status === 503 && attempt < 3) {
      await new Promise((wake) => setTimeout(wake, 300 * (attempt + 1)));
      continue;
    }
    const body = await response.json();
    return response.ok ? body : { problem: body };
  }
}

/** readRaw returns the text at an address, as it was sent. The token goes to this node only. */
export async function readRaw(address) {
  const target = new URL(address, location.href);
  const own = target.origin === location.origin;
  const response = own ? await request(target.href) : await fetch(target, { credentials: "omit", cache: "no-store" });
  const text = await response.text();
  if (!response.ok) throw new Error(`${target.href} answers ${response.status}: ${text.slice(0, 300)}`);
  return text;
}

/** readText returns the text at path, or "" if there is none. */
export async function readText(path) {
  const response = await request(path, { headers: { Accept: "text/plain" } });
  const type = response.headers.get("Content-Type") ?? "";
  return response.ok && type.startsWith("text/plain") ? response.text() : "";
}

const silence = 40_000; // ms without even a heartbeat: the connection is dead
const slowest = 15_000; // ms between attempts to connect

/**
 * listen follows the stream until the page is left. It calls on.open once it is connected, on.event(name, data)
 * for each event, on.closed(ms) when it will try again in so many milliseconds, and on.refused without a token;
 * listening goes on when the promise that on.refused returns is kept.
 */
export async function listen(path, on) {
  let lastID = "";
  for (let attempt = 0; ; attempt++) {
    const abort = new AbortController();
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), silence);
    };
    try {
      alive();
      const headers = lastID ? { "Last-Event-ID": lastID } : {};
      const response = await request(path, { headers, signal: abort.signal });
      if (!response.ok) throw new Error(`the stream answered ${response.status}`);
      const opened = on.open(lastID !== "");
      for await (const event of events(response.body, alive)) {
        attempt = 0;
        if (event.id) lastID = event.id;
        on.event(event.name, JSON.parse(event.data));
      }
      await opened;
    } catch (error) {
      if (error instanceof Refused) {
        await on.refused();
        continue;
      }
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
    const wait = Math.min(slowest, 1000 * 2 ** Math.min(attempt, 6)) * (0.6 + 0.4 * Math.random());
    on.closed(wait);
    await pause(wait);
  }
}

/** pause ends early when the network or the reader comes back. */
function pause(ms) {
  return new Promise((wake) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", shown);
      wake();
    };
    const shown = () => document.visibilityState === "visible" && done();
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", shown);
  });
}

/** events parses a body of server-sent events (HTML Living Standard §9.2.6). */
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { id: "", name: "message", data: "" };
      for (const line of block.split("\n")) {
        const [, field, text] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
        if (field === "id") event.id = text;
        else if (field === "event") event.name = text;
        else if (field === "data") event.data += text;
      }
      if (event.data) yield event;
    }
  }
}
