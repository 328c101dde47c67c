// Capabilities. They are linked only into modules that call them, and only run where the module's manifest asks for
// them and the operator grants them.

import * as abi from "./abi";
import { start, utf8 } from "./index";

/** The instant of the round in Unix milliseconds. Needs now_ms. */
export function nowMs(): i64 {
  return abi.now_ms();
}

/** Fills b with bytes that are the same on every machine, drawn from the round, and returns their number. Needs random. */
export function random(b: Uint8Array): i32 {
  return abi.random(b.dataStart, b.length);
}

/**
 * Fetches a URL, stages the body of a 2xx answer for result(), and returns its size; of another answer,
 * -(1000 + status). Needs http_get.
 */
export function httpGet(url: string): i32 {
  const b = utf8(url);
  return abi.http_get(start(b), b.byteLength);
}

/** Stages the body of the source's last journaled reading for result(), and returns its size. Needs read_sensor. */
export function readSensor(source: string): i32 {
  const b = utf8(source);
  return abi.read_sensor(start(b), b.byteLength);
}

/** The first size bytes of what was staged last. */
export function result(size: i32): Uint8Array {
  const b = new Uint8Array(size);
  abi.result_read(b.dataStart, 0, size);
  return b;
}

/** When what was staged last was received, in Unix milliseconds. */
export function resultMs(): i64 {
  return abi.result_ms();
}

/** ED25519: key of 32 bytes, signature of 64. SECP256K1: ECDSA over SHA-256, key of 33 or 65 bytes, signature r ‖ s of 64, low s. */
export enum Algorithm { ED25519, SECP256K1 }

/** 1 if sig is a signature of message by key, 0 if not, or a refusal. Needs verify. */
export function verify(algorithm: Algorithm, key: Uint8Array, sig: Uint8Array, message: Uint8Array): i32 {
  return abi.verify(algorithm, key.dataStart, key.length, sig.dataStart, sig.length, message.dataStart, message.length);
}

/** Stages what the module kept under key in an earlier round for result(), and returns its size. Needs state. */
export function stateGet(key: string): i32 {
  const k = utf8(key);
  return abi.state_get(start(k), k.byteLength);
}

/** Keeps a value under key for later rounds, and returns 0; an empty one deletes. Needs state. */
export function statePut(key: string, value: Uint8Array): i32 {
  const k = utf8(key);
  return abi.state_put(start(k), k.byteLength, value.dataStart, value.length);
}

/** Opens a serial line of the configuration by name, and returns its handle. Needs serial. */
export function serialOpen(name: string): i32 {
  const n = utf8(name);
  return abi.serial_open(start(n), n.byteLength);
}

/** Reads what has arrived, waiting at most timeoutMs for the first byte: -ETIMEDOUT. 0 bytes are the end. */
export function serialRead(port: i32, b: Uint8Array, timeoutMs: i32): i32 {
  return abi.serial_read(port, b.dataStart, b.length, timeoutMs);
}

/** Writes b, at most 4,096 bytes a call, and returns how many bytes were written. */
export function serialWrite(port: i32, b: Uint8Array): i32 {
  return abi.serial_write(port, b.dataStart, b.length);
}

export function serialClose(port: i32): i32 {
  return abi.serial_close(port);
}
