// Json makes a point of the first reading with a parser by hand: {"sensor":"t-17","value":123.45,"unit":"Cel","ts":1700000000}.
// It is built as sdk/assemblyscript/example/json.ts.

import { Decimal, emit, EVENT_TIME, fail, input, Quality, Value } from "../assembly";

const QUOTE: u8 = 0x22, BACKSLASH: u8 = 0x5c, COMMA: u8 = 0x2c, COLON: u8 = 0x3a;
const OPEN: u8 = 0x7b, CLOSE: u8 = 0x7d, OPEN_LIST: u8 = 0x5b, CLOSE_LIST: u8 = 0x5d;

class Parser {
  at: i32 = 0;
  ok: bool = true;

  constructor(private b: Uint8Array) {}

  /** The next character that is no blank, 0 at the end. */
  peek(): u8 {
    while (this.at < this.b.length && unchecked(this.b[this.at]) <= 0x20) this.at++;
    return this.at < this.b.length ? unchecked(this.b[this.at]) : 0;
  }

  start(): i32 {
    this.peek();
    return this.at;
  }

  take(c: u8): bool {
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  /** A name in quotes, "" if it is none. */
  key(): string {
    const from = this.start() + 1;
    if (this.peek() == QUOTE) this.skipString();
    else this.ok = false;
    return this.ok ? String.UTF8.decodeUnsafe(this.b.dataStart + from, this.at - 1 - from) : "";
  }

  /** What a value spans: a string with its quotes, a scalar, or whatever is nested. */
  span(): string {
    const from = this.start();
    let depth = 0;
    while (this.at < this.b.length) {
      const c = unchecked(this.b[this.at]);
      if (c == QUOTE) this.skipString();
      else if (depth == 0 && (c == COMMA || c == CLOSE || c <= 0x20)) break;
      else {
        if (c == OPEN || c == OPEN_LIST) depth++;
        if (c == CLOSE || c == CLOSE_LIST) depth--;
        this.at++;
      }
    }
    this.ok = this.ok && this.at > from && depth == 0;
    return String.UTF8.decodeUnsafe(this.b.dataStart + from, this.at - from);
  }

  private skipString(): void {
    for (this.at++; this.at < this.b.length; this.at++) {
      const c = unchecked(this.b[this.at]);
      if (c == BACKSLASH) this.at++;
      if (c == QUOTE) {
        this.at++;
        return;
      }
    }
    this.ok = false;
  }
}

/** The text of a string with its quotes; escapes are beyond this example. */
function unquote(s: string): string {
  return s.length >= 2 && s.charCodeAt(0) == QUOTE ? s.substring(1, s.length - 1) : "";
}

/** Reads the document into v, and returns whether it is an object with a number value. */
function parse(p: Parser, v: Value, names: string[]): bool {
  if (!p.take(OPEN)) return false;
  let found = false;
  while (p.ok && !p.take(CLOSE)) {
    const key = p.key();
    if (!p.take(COLON)) return false;
    const text = p.span();
    if (key == "value") {
      const d = Decimal.parse(text);
      if (d === null) return false;
      v.decimal = d;
      found = true;
    } else if (key == "ts") {
      v.time = I64.parseInt(text) * 1000;
    } else if (key == "sensor") {
      names[0] = unquote(text);
    } else if (key == "unit") {
      names[1] = unquote(text);
    }
    if (!p.take(COMMA) && p.peek() != CLOSE) return false;
  }
  return p.ok && found && p.peek() == 0;
}

export function dodona_run(): i32 {
  const v = new Value();
  v.quality = Quality.Good;
  v.time = EVENT_TIME;
  const names = ["value", ""];
  const body = input(0);
  if (body === null || !parse(new Parser(body), v, names)) return fail(1, "the reading is no object with a number value");
  if (emit(names[0], v, names[1]) != 0) return fail(2, "the host refuses the point");
  return 0;
}
