// What a Dodona module written in AssemblyScript talks to its host with: the whole of the guest interface dodona_v1
// (spec/abi.md), and exact decimals. A module exports its one function so, and returns 0 for an answered event:
//
//     export function dodona_run(): i32 { … }
//
// Only the functions that a module calls become imports of it. Refusals are negative error numbers, or null.

import * as abi from "./abi";

export { Decimal } from "./decimal";
export * from "./capability";
import { Decimal } from "./decimal";

/** Refusals, negated; httpGet also has 1000 + status. */
export namespace Errno {
  export const ENOENT: i32 = 2;
  export const EIO: i32 = 5;
  export const EAGAIN: i32 = 11;
  export const EACCES: i32 = 13;
  export const EINVAL: i32 = 22;
  export const ENOSPC: i32 = 28;
  export const ERANGE: i32 = 34;
  export const ETIMEDOUT: i32 = 110;
}

/** How far a value can be trusted. The number of a bad point does not count. */
export enum Quality { Good, Uncertain, Bad }

export enum Level { Debug, Info, Warn, Error }

/** What the host says where it knows no time. */
export const UNKNOWN_TIME: i64 = -62135596800000;
/** The time of the event's oldest reading. */
export const EVENT_TIME: i64 = i64.MIN_VALUE;

const scratch = memory.data(16); // for numbers that the host writes

/** How many readings the event has. */
export function inputs(): i32 {
  return abi.input_count();
}

/** The body of reading i, or null if there is no such reading. */
export function input(i: i32): Uint8Array | null {
  const size = abi.input_size(i);
  if (size < 0) return null;
  const body = new Uint8Array(size);
  abi.input_read(i, body.dataStart, 0, size);
  return body;
}

/** The name of the source of reading i. */
export function source(i: i32): string | null {
  return metaText(i, 0);
}

/** What the source calls the thing that reading i is of. */
export function item(i: i32): string | null {
  return metaText(i, 1);
}

/** The media type of reading i, "" if the peer named none. */
export function contentType(i: i32): string | null {
  return metaText(i, 2);
}

/** When reading i arrived, in Unix milliseconds. */
export function received(i: i32): i64 {
  return abi.input_meta(i, 3, scratch, 8) < 0 ? UNKNOWN_TIME : load<i64>(scratch);
}

/** When the peer says that it measured reading i, in Unix milliseconds; UNKNOWN_TIME if it does not say. */
export function sourceTime(i: i32): i64 {
  return abi.input_meta(i, 4, scratch, 8) < 0 ? UNKNOWN_TIME : load<i64>(scratch);
}

/** The quality of reading i. */
export function inputQuality(i: i32): Quality {
  return abi.input_meta(i, 5, scratch, 4) < 0 ? Quality.Bad : load<i32>(scratch);
}

/**
 * Reads the number at a JSON Pointer (RFC 6901) of reading i, exactly, and returns 0. -ENOENT: nothing is there;
 * -EINVAL: it is no number, or the reading no document; -ERANGE: it does not fit.
 */
export function number(i: i32, pointer: string, d: Decimal): i32 {
  const path = utf8(pointer);
  const code = abi.input_json(i, start(path), path.byteLength, scratch, scratch + 8);
  if (code == 0) {
    d.mantissa = load<i64>(scratch);
    d.exponent = load<i32>(scratch + 8);
  }
  return code;
}

/** How many points the feed asks for. */
export function asked(): i32 {
  return abi.from_count();
}

/** The id of point i that the feed asks for. */
export function askedId(i: i32): string | null {
  const b = new ArrayBuffer(255);
  return text(b, abi.from_id(i, start(b), b.byteLength));
}

/** A number, when it was measured in Unix milliseconds, and how far it can be trusted. */
export class Value {
  decimal: Decimal = new Decimal();
  time: i64 = EVENT_TIME;
  quality: i32 = Quality.Bad;
}

/**
 * Reads the newest value of point i that the feed asks for, and returns 0. Of a bad one only the quality is known.
 * -ENOENT: there is none; -ERANGE: it does not fit in 64 bits.
 */
export function askedValue(i: i32, v: Value): i32 {
  store<i64>(scratch, 0);
  store<i32>(scratch + 8, 0);
  const time = memory.data(8);
  const quality = abi.from_value(i, scratch, scratch + 8, time);
  if (quality < 0) return quality;
  v.quality = quality;
  if (quality != Quality.Bad) {
    v.decimal = new Decimal(load<i64>(scratch), load<i32>(scratch + 8));
    v.time = load<i64>(time);
  }
  return 0;
}

/** Adds a point to the answer, and returns 0. */
export function emit(id: string, v: Value, unit: string = ""): i32 {
  const i = utf8(id), u = utf8(unit);
  const d = v.decimal;
  return abi.point(start(i), i.byteLength, d.mantissa, d.exponent, start(u), u.byteLength, v.time, v.quality);
}

/** Says why the quality of the last point is not good, in 1 to 256 bytes, and returns 0. */
export function reason(why: string): i32 {
  const b = utf8(why);
  return abi.point_reason(start(b), b.byteLength);
}

/** Replaces the bytes that are kept with the round for auditors, at most 4,096, and returns 0. */
export function output(b: Uint8Array): i32 {
  return abi.output_write(b.dataStart, b.length);
}

/** A parameter out of the feed's rules, or null. */
export function param(name: string): string | null {
  const n = utf8(name);
  let b = new ArrayBuffer(64);
  let size = abi.param(start(n), n.byteLength, start(b), b.byteLength);
  if (size > b.byteLength) {
    b = new ArrayBuffer(size);
    size = abi.param(start(n), n.byteLength, start(b), size);
  }
  return text(b, size);
}

/** Says why the event has no answer, in at most 512 bytes, and returns code: `return fail(1, "…")`. */
export function fail(code: i32, why: string): i32 {
  const b = utf8(why);
  abi.fail(code, start(b), b.byteLength);
  return code;
}

/** Writes a line to the log. */
export function log(level: Level, line: string): void {
  const b = utf8(line);
  abi.log(level, start(b), b.byteLength);
}

/** What asc calls where a program throws or an assertion does not hold: the event ends, with the message. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  if (message !== null) fail(1, message);
  unreachable();
}

// Texts of the host are UTF-8, strings of AssemblyScript UTF-16.

export function utf8(s: string): ArrayBuffer {
  return String.UTF8.encode(s);
}

export function start(b: ArrayBuffer): usize {
  return changetype<usize>(b);
}

function text(b: ArrayBuffer, size: i32): string | null {
  return size < 0 || size > b.byteLength ? null : String.UTF8.decodeUnsafe(start(b), size);
}

function metaText(i: i32, key: i32): string | null {
  let b = new ArrayBuffer(64);
  let size = abi.input_meta(i, key, start(b), b.byteLength);
  if (size > b.byteLength) {
    b = new ArrayBuffer(size);
    size = abi.input_meta(i, key, start(b), size);
  }
  return text(b, size);
}
