// node bundle.mjs TRUST BUNDLE [ANSWER]: who signed the value of this bundle, and over which readings? See spec/bundle.md.
//
// TRUST is the network's id (0x and 64 hex digits), or all its members (0x and 40 hex digits each, commas between); ANSWER is an answer of the same round.
// Exit code 0: what is proved, line by line. 3: INVALID, what is wrong and where. 2: not called so, or a file cannot be read.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { AbiCoder, TypedDataEncoder, concat, keccak256, recoverAddress, toUtf8Bytes } from "ethers";

const MOST = 64 << 20, DEEPEST = 64; // bytes of a file, and how deep arrays and objects may stand in each other
const UNTIMED = -62135596800000; // a reading whose device says no time: the milliseconds of year 1

const stop = (why) => { console.error(why); process.exit(2); };
const must = (holds, why) => { if (!holds) { console.error(`INVALID ${why}`); process.exit(3); } };
const quoted = (value) => String(JSON.stringify(value)).slice(0, 60).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

// JSON, strictly: no name twice, nothing behind it, and numbers as they are written, for the digest of the rules is over their text. An object keeps the
// order of its names, which JavaScript's own would not keep of names like "1".

const NAMES = Symbol("the names of an object, in order");
class Numeral { constructor(text) { this.text = text; } toJSON() { return this.text; } }

function parse(text, what) {
  let at = 0;
  const bad = (why) => must(false, `form: ${what}: ${why} at character ${at}`);
  const blank = () => { while (at < text.length && " \t\n\r".includes(text[at])) at++; };
  function word() { // the next text, number, name of a value, or mark
    blank();
    if (at === text.length) bad("it is cut short");
    if (text[at] === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      if (end >= text.length) bad("it is cut short");
      let said = null;
      try { said = JSON.parse(text.slice(at, end + 1)); } catch { bad("this is no JSON"); }
      at = end + 1;
      if (!said.isWellFormed()) bad("half a character (an unpaired surrogate)");
      return { said };
    }
    const pattern = /(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null)|([[\]{},:])/y;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) bad("this is no JSON");
    at = pattern.lastIndex;
    if (found[3]) return { mark: found[3] };
    return { said: found[1] ? new Numeral(found[1]) : { true: true, false: false, null: null }[found[2]] };
  }
  function value(first, depth) {
    if (!first.mark) return first.said;
    if (!"[{".includes(first.mark)) bad(`${first.mark} stands where a value belongs`);
    if (depth === DEEPEST) bad(`arrays and objects more than ${DEEPEST} deep`);
    const [closing, whole] = first.mark === "[" ? ["]", []] : ["}", Object.create(null)];
    if (closing === "}") whole[NAMES] = [];
    let part = word();
    while (part.mark !== closing) {
      if (closing === "}") {
        if (typeof part.said !== "string") bad("a name belongs here");
        const name = part.said;
        if (name in whole) bad(`the name ${quoted(name)} stands twice`);
        if (word().mark !== ":") bad("a colon belongs here");
        whole[name] = value(word(), depth + 1);
        whole[NAMES].push(name);
      } else {
        whole.push(value(part, depth + 1));
      }
      part = word();
      if (part.mark === ",") {
        part = word();
        if (part.mark === closing) bad("a comma too many");
      } else if (part.mark !== closing) {
        bad(`a comma or ${closing} belongs here`);
      }
    }
    return whole;
  }
  const document = value(word(), 0);
  blank();
  if (at < text.length) bad("something follows the document");
  return document;
}

function read(path) {
  const chunks = [];
  let size = 0;
  try {
    const file = openSync(path);
    while (size <= MOST) {
      const chunk = Buffer.alloc(1 << 20);
      const n = readSync(file, chunk);
      if (n === 0) break;
      chunks.push(chunk.subarray(0, n));
      size += n;
    }
    closeSync(file);
  } catch (e) { stop(`read ${path}: ${e.message}`); }
  must(size <= MOST, `form: ${path}: more than ${MOST >> 20} MiB, which no bundle has`);
  try {
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)), path); // without a mark in front, which some editors write
  } catch (e) {
    if (!(e instanceof TypeError) || e.code !== "ERR_ENCODING_INVALID_ENCODED_DATA") throw e;
    return must(false, `form: ${path}: not UTF-8`);
  }
}

const isObject = (v) => typeof v === "object" && v !== null && v[NAMES] !== undefined;
const ESCAPED = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function canonical(v, order = (names) => names) { // the text that rules are digested in: no white space, members in the order in which they stand
  if (v instanceof Numeral) return v.text;
  if (typeof v === "string") return `"${v.replace(/[\x00-\x1f"\\<>&\u2028\u2029]/g, (c) => ESCAPED[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
  if (Array.isArray(v)) return `[${v.map((item) => canonical(item, order)).join(",")}]`;
  if (isObject(v)) return `{${order(v[NAMES]).map((name) => `${canonical(name)}:${canonical(v[name], order)}`).join(",")}}`;
  return String(v);
}
const equal = (a, b) => canonical(a, (names) => [...names].sort()) === canonical(b, (names) => [...names].sort());

// What stands where in a bundle and in an answer. A question mark: it may be missing.

const text = (v) => typeof v === "string";
const anything = () => true;
const matching = (pattern) => (v) => text(v) && pattern.test(v);
const integer = (least, below) => (v) => v instanceof Numeral && /^(0|-?[1-9][0-9]{0,19})$/.test(v.text) && BigInt(v.text) >= least && BigInt(v.text) < below;
const scaled = (v) => matching(/^(0|-?[1-9][0-9]{0,57})$/)(v) && BigInt.asIntN(192, BigInt(v)) === BigInt(v);
const printed = (least) => (v) => text(v) && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(v) && Buffer.byteLength(v) >= least && Buffer.byteLength(v) <= 255;
const bytes64 = (v) => v === null || (text(v) && Buffer.from(v, "base64").toString("base64") === v); // null is no bytes, too
const some64 = (v) => v !== null && v !== "" && bytes64(v);
const millis = (v) => { // rounded down; not a number if there is no such instant
  const [, seconds, fraction = "", zone] = /^(.{19})(?:\.([0-9]{1,9}))?(.*)$/.exec(v);
  const at = Date.parse(`${seconds}Z`), [, sign, hours, minutes] = /^([+-])([0-9]{2}):([0-9]{2})$/.exec(zone) ?? [0, "+", 0, 0];
  if (!(at <= 253402300799000) || new Date(at).toISOString().slice(0, 19) !== seconds || hours > 23 || minutes > 59) return NaN;
  return at - (sign === "-" ? -1 : 1) * (hours * 60 + +minutes) * 60000 + +fraction.padEnd(3, "0").slice(0, 3);
};
const exact = (v) => `${millis(v)} ${(/\.([0-9]+)/.exec(v)?.[1] ?? "").padEnd(9, "0")}`; // to the nanosecond, wherever it was written
const told = (ref) => [ref.item ?? "", exact(ref.received), ref.size, ref.detail ?? "", ref.salt];
const instant = (v) => matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$/)(v) && !Number.isNaN(millis(v));

const hash32 = matching(/^0x[0-9a-f]{64}$/), address = matching(/^0x[0-9a-f]{40}$/), signature = matching(/^0x[0-9a-f]{130}$/);
const quality = matching(/^(good|uncertain|bad)$/), uint64 = integer(0n, 1n << 64n);
const name = matching(/^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){0,15}$/);
const FEED = { name, kind: matching(/^(number|bool|enum)$/), unit: printed(0), decimals: integer(0n, 58n), "labels?": [printed(1)] };
const NETWORK = { name: printed(1), first: hash32 };
const ORIGIN = { version: hash32, rules: hash32, readingsRoot: hash32 };
const REF = { digest: hash32, "item?": text, received: instant, size: uint64, "detail?": text, salt: hash32 };
const POINT = { id: text, value: text, "unit?": text, "time?": instant, quality, "reason?": text };
const BUNDLE = {
  feed: FEED, round: uint64, node: text, rules: anything, "points?": [POINT], "fuel?": uint64, "transcript?": some64, "state?": isObject, "shadow?": isObject,
  inputs: [{ source: text, point: text, status: text, "reason?": text, "value?": text, "time?": instant, "readings?": [REF] }],
  quality, "value?": scaled, "missed?": text, "origin?": ORIGIN, tookMs: integer(-(1n << 63n), 1n << 63n),
  "readings?": [{ source: text, item: text, body: bytes64, "contentType?": text, "sourceTime?": instant, received: instant, quality, "detail?": text }],
  "observation?": { feed: hash32, name, round: uint64, value: scaled, origin: ORIGIN, signer: address, signature },
  "network?": NETWORK, "module?": some64, "transcriptSalt?": hash32,
};
const ANSWER = {
  network: NETWORK, quorum: { scheme: text, k: integer(0n, 129n), members: [address], "key?": text }, feed: FEED,
  attestation: { report: { feed: hash32, round: uint64, value: scaled }, observed: hash32, signatures: [signature] },
};

function formed(value, form, at) {
  if (Array.isArray(form)) {
    must(Array.isArray(value), `form: ${at} is no array`);
    value.forEach((item, i) => formed(item, form[0], `${at}[${i}]`));
  } else if (typeof form === "function") {
    must(form(value), `form: ${at} is not as it must be: ${quoted(value)}`);
  } else {
    must(isObject(value), `form: ${at} is no object`);
    for (const field of Object.keys(form)) must(field.endsWith("?") || field in value, `form: ${at} has no ${field}`);
    for (const field of value[NAMES]) {
      const inside = Object.hasOwn(form, field) ? form[field] : Object.hasOwn(form, `${field}?`) && form[`${field}?`];
      must(inside, `form: ${at} has the field ${quoted(field)}, which is unknown`);
      if (value[field] !== null || field !== "inputs") formed(value[field], inside, `${at}.${field}`); // none of these may be null, too
    }
  }
}

// Identities and signatures, as spec/report.md has them.

const abi = (types, ...values) => keccak256(AbiCoder.defaultAbiCoder().encode(types.split(" "), values));
const hashed = (said) => keccak256(toUtf8Bytes(said));
const bytes = (said) => Buffer.from(said ?? "", "base64");
const feedId = (feed) => abi("string string string uint8 bytes32", feed.name, feed.kind, feed.unit, feed.decimals.text, abi("string[]", feed.labels ?? []));
const networkId = (network) => abi("string bytes32", network.name, network.first);
const ascending = (list) => list.every((item, i) => i === 0 || list[i - 1] < item);

function typed(network, type, fields, message) {
  const types = { [type]: fields.split(", ").map((f) => ({ type: f.split(" ")[0], name: f.split(" ")[1] })) };
  return TypedDataEncoder.hash({ name: "Dodona", version: "1", salt: network }, types, message);
}

function recovered(digest, signed) { // ethers refuses a high s, and takes more forms of v than there are
  if (!/(1b|1c)$/.test(signed)) return "";
  try { return recoverAddress(digest, signed).toLowerCase(); } catch { return ""; }
}

function readingDigest(r) {
  const times = [r.sourceTime === undefined ? UNTIMED : millis(r.sourceTime), millis(r.received)];
  const said = [hashed(r.source), hashed(r.item), hashed(r.contentType ?? "")];
  return abi("bytes32 bytes32 bytes32 int64 int64 uint8 bytes32", ...said, ...times, ["good", "uncertain", "bad"].indexOf(r.quality), keccak256(bytes(r.body)));
}

function tree(leaves) {
  if (leaves.length === 0) return `0x${"00".repeat(32)}`;
  const nodes = [...Array(leaves.length - 1).fill(""), ...leaves.sort().reverse()];
  for (let i = leaves.length - 2; i >= 0; i--) nodes[i] = keccak256(concat([nodes[2 * i + 1], nodes[2 * i + 2]].sort()));
  return nodes[0];
}

// The steps, in order. Each says what must hold, and what does not.

function program({ rules, origin, feed, module }) {
  must(isObject(rules) && isObject(rules.feed), "rules: they are of no feed");
  must(hashed(canonical(rules)) === origin.rules, "rules: origin.rules is of other ones");
  must(equal(rules.feed, feed), `feed: the rules are of the feed ${quoted(rules.feed.name)}, as another one`);
  const made = module === undefined ? hashed(canonical(rules.extraction ?? null)) : `0x${createHash("sha256").update(bytes(module)).digest("hex")}`;
  must(made === origin.version, `version: origin.version is of ${module === undefined ? "other rules of extraction, or of a module that is not here" : "another module"}`);
}

function evidence(b) {
  const named = new Map(), carried = new Set(), leaves = [];
  b.inputs?.forEach(({ source, readings = [] }, i) => readings.forEach((ref, j) => {
    const at = `inputs[${i}].readings[${j}]`, before = named.get(ref.digest) ?? { ref, source, at };
    must(before.source === source && equal(told(before.ref), told(ref)), `readings: ${at} is named twice, and not alike`);
    named.set(ref.digest, before);
  }));
  (b.readings ?? []).forEach((r, i) => {
    const d = readingDigest(r), at = `readings[${i}] of ${quoted(r.source)}`, there = named.get(d);
    must(there, `readings: no input names ${at}: its bytes, its times or its place were changed, or it was added`);
    must(!carried.has(d), `readings: ${at} stands twice`);
    carried.add(d);
    const { ref, source } = there;
    const same = source === r.source && (ref.item ?? "") === r.item && exact(ref.received) === exact(r.received) && (ref.detail ?? "") === (r.detail ?? "");
    must(same && BigInt(ref.size.text) === BigInt(bytes(r.body).length), `readings: ${there.at} says something else than ${at}`);
    leaves.push(keccak256(concat([ref.salt, d])));
  });
  for (const [d, { source, at }] of named) must(carried.has(d), `readings: what ${at} of ${quoted(source)} names is missing`);
  must((b.transcriptSalt !== undefined) === Boolean(b.transcript), "readings: a transcript and its salt belong together");
  if (b.transcriptSalt !== undefined) {
    const whole = { source: "", item: "transcript", received: "0001-01-01T00:00:00Z", quality: "good", body: b.transcript };
    leaves.push(keccak256(concat([b.transcriptSalt, readingDigest(whole)])));
  }
  must(tree(leaves) === b.origin.readingsRoot, "root: a salt was changed, or a reading was added or taken away");
}

function observed(b) { // the digest that the node signed, and who it was
  const o = b.observation;
  for (const field of ["round", "value", "origin"]) must(equal(o[field], b[field]), `observation: it is of another ${field} than the bundle`);
  must(o.name === b.feed.name && o.feed === feedId(b.feed), "observation: it is of another feed than the bundle");
  const origin = abi("bytes32 bytes32", abi("bytes32 bytes32", o.origin.version, o.origin.rules), o.origin.readingsRoot);
  const message = { feed: o.feed, round: o.round.text, value: o.value, origin };
  const digest = typed(networkId(b.network), "Observation", "bytes32 feed, uint64 round, int192 value, bytes32 origin", message);
  must(recovered(digest, o.signature) === o.signer, `signature: ${o.signer} did not sign this observation, of this network`);
  return [digest, o.signer];
}

function quorumOf(first, members) { // k of the quorum of these members that has the digest; k of n that is allowed
  const n = members.length;
  for (let k = Math.floor((n + Math.floor((n - 1) / 3)) / 2) + 1; k <= n; k++) if (abi("uint8 uint256 address[]", 1, k, members) === first) return k;
  return 0;
}

function attested(b, a, observation, signer) { // what else the answer proves
  must(equal(a.network, b.network) && equal(a.feed, b.feed), "answer: it is of another network or feed than the bundle");
  const { quorum, attestation: { report, observed: from, signatures } } = a, { members } = quorum, k = Number(quorum.k.text);
  must(quorum.scheme === "ecdsa" && !("key" in quorum) && quorumOf(b.network.first, members) === k,
    "answer: its quorum is not the first one of the network (quorums of the scheme frost, and networks that have rotated, are for dodona verify)");
  must(report.feed === b.observation.feed && equal(report.round, b.round), "answer: it is of another feed or round than the bundle");
  const digest = typed(networkId(a.network), "Report", "bytes32 feed, uint64 round, int192 value", { feed: report.feed, round: report.round.text, value: report.value });
  const signers = signatures.map((s) => recovered(digest, s));
  must(signers.every((s) => members.includes(s)) && ascending(signers) && signers.length >= k, "answer: it is not signed by enough members, each once and in order");
  if (members.length > 1) {
    const said = report.value === b.value ? "the same value" : `another value, ${shown(a.feed, report.value)}`;
    return `${signers.length} of ${members.length} members signed ${said} as the answer; which observations it came from, this bundle alone cannot say`;
  }
  must(report.value === b.value, "answer: it is of another value than the bundle");
  must(from === abi("address[] bytes32[]", [signer], [observation]), "answer: it came from another observation");
  return "the answer came from this observation, and the quorum, which is that member, signed it";
}

function membersOf(trust, { network, observation: { signer } }, answer) { // who may speak for the network that the caller trusts
  let members = [...trust].sort(), why = "these members did not found the network that the bundle names";
  if (trust[0].length === 66) {
    must(networkId(network) === trust[0], `network: the bundle is of ${quoted(network.name)}, ${networkId(network)}`);
    members = answer ? answer.quorum.members : [signer];
    why = answer ? "the quorum of the answer is not the first one of this network" : `${signer} is not its only member; if it has several, name them all as TRUST, or give an answer too`;
  }
  must(members.length > 0 && members.length <= 128 && ascending(members) && quorumOf(network.first, members), `quorum: ${why}`);
  must(members.includes(signer), `member: ${signer} signed it, who is no member of the network`);
  return members;
}

function shown(feed, value) {
  if (feed.kind !== "number") return (feed.kind === "enum" ? feed.labels : ["false", "true"])[Number(value)];
  const decimals = Number(feed.decimals.text), digits = value.replace("-", "").padStart(decimals + 1, "0"), point = digits.length - decimals;
  return `${value.startsWith("-") ? "-" : ""}${digits.slice(0, point)}${decimals ? `.${digits.slice(point)}` : ""}${feed.unit ? ` ${feed.unit}` : ""}`;
}

function possible({ feed, value, round }) { // what no digest says: the feed can have such a value
  const { kind, decimals, labels = [] } = feed;
  must(kind === "number" || decimals.text === "0", "feed: it has decimals, and is no number");
  must(new Set(labels).size === labels.length && labels.length <= 1024 && labels.length > 0 === (kind === "enum"), "feed: an enum has distinct labels, and nothing else has any");
  must(kind === "number" || (BigInt(value) >= 0n && BigInt(value) < BigInt(labels.length || 2)), "value: this feed cannot have it");
  must(BigInt(round.text) > 0n && BigInt(round.text) < 253402300800000n, "value: there is no such round");
}

function main(trust, bundle, file) {
  const b = read(bundle);
  formed(b, BUNDLE, "bundle");
  const whole = ["observation", "network", "value", "origin"].every((field) => field in b);
  must(whole, `observation: nobody signed this round${"missed" in b ? `; it was missed: ${quoted(b.missed)}` : ""}`);
  must(!("missed" in b), "value: there is one, and a reason why there is none");
  let a = file && read(file);
  if (a !== undefined) {
    if (isObject(a) && "answer" in a) a = a.answer;
    formed(a, ANSWER, "answer");
  }
  possible(b);
  program(b);
  evidence(b);
  const [observation, signer] = observed(b), members = membersOf(trust, b, a), more = a && attested(b, a, observation, signer);
  const who = members.length === 1 ? "the only member" : `one of ${members.length} members`, readings = b.readings ?? [];
  const size = readings.reduce((sum, r) => sum + bytes(r.body).length, 0), when = new Date(Number(b.round.text)).toISOString().replace(".000Z", "Z");
  console.log(`valid: ${b.feed.name} = ${shown(b.feed, b.value)}, round ${b.round.text} (${when})`);
  console.log(`proved: ${signer}, ${who} of network "${b.network.name}", signed that it observed this value`);
  console.log(`proved: of ${readings.length === 1 ? "this reading" : `these ${readings.length} readings`}, ${size} bytes, and no other, by these rules${b.module === undefined ? "" : " and this module"}`);
  console.log(more ? `proved: ${more}` : "not proved: that the network answered so; give the answer of the round too");
  console.log("not proved: that the rules give this value of the readings, which dodona replay computes again; and what nobody signs: points, inputs' statuses, words, durations");
}

const [trust, ...files] = process.argv.slice(2);
if (files.length < 1 || files.length > 2 || !/^(0x[0-9a-f]{64}|0x[0-9a-f]{40}(,0x[0-9a-f]{40})*)$/.test(trust)) {
  stop("usage: node bundle.mjs TRUST BUNDLE [ANSWER], where TRUST is the network's id, or its members with commas between, in lower case");
}
main(trust.split(","), ...files);
