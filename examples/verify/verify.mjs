// node verify.mjs NETWORK FILE: is this answer, or answer with proof, signed by the network with this id? See spec/report.md and spec/proof.md.
import { readFileSync } from "node:fs";
import { AbiCoder, TypedDataEncoder, concat, keccak256, recoverAddress, toUtf8Bytes } from "ethers";

const [expected, file, ...more] = process.argv.slice(2);
const stop = (why) => { console.error(why); process.exit(2); };
if (!file || more.length || !/^0x[0-9a-f]{64}$/.test(expected)) stop("usage: node verify.mjs NETWORK FILE, where NETWORK is 0x and 64 hex digits in lower case");
let written = "";
const read = () => { try { written = readFileSync(file, "utf8").replace(/^\uFEFF/, ""); return JSON.parse(written); } catch (e) { return stop(`read ${file}: ${e.message}`); } };
const abi = (types, values) => keccak256(AbiCoder.defaultAbiCoder().encode(types.split(" "), values));
const must = (holds, why) => { if (!holds) { console.error(`INVALID ${why}`); process.exit(3); } };
const recovered = (digest, s) => { try { return /(1b|1c)$/.test(s) ? recoverAddress(digest, s).toLowerCase() : ""; } catch { return ""; } }; // ethers refuses a high s, and takes other v

// What stands where; a question mark: it may be missing. No name stands twice, and numbers are whole and written so.
const matching = (pattern) => (v) => typeof v === "string" && pattern.test(v);
const text = matching(/^/), hash = matching(/^0x[0-9a-f]{64}$/), address = matching(/^0x[0-9a-f]{40}$/), signature = matching(/^0x[0-9a-f]{130}$/);
const whole = (v) => Number.isSafeInteger(v) && v >= 0, small = (v) => whole(v) && v < 58, int192 = matching(/^(0|-?[1-9][0-9]{0,57})$/);
const NETWORK = { name: text, first: hash }, QUORUM = { scheme: text, k: whole, members: [address], "key?": text };
const ANSWER = {
  network: NETWORK, quorum: QUORUM, feed: { name: text, kind: matching(/^(number|bool|enum)$/), unit: text, decimals: small, "labels?": [text] },
  attestation: { report: { feed: hash, round: whole, value: int192 }, observed: hash, signatures: [signature] },
};
const EVIDENCE = {
  answer: ANSWER, proof: { leaf: { kind: whole, feed: hash, round: whole, value: int192, observed: hash }, path: [hash] }, "history?": (v) => v && !Array.isArray(v) && typeof v === "object",
  anchored: { network: NETWORK, quorum: QUORUM, anchor: { root: hash, previous: hash, from: whole, to: whole, count: whole }, signatures: [signature] },
};
function formed(v, form) {
  if (typeof form === "function") return form(v);
  if (Array.isArray(form)) return Array.isArray(v) && v.every((item) => formed(item, form[0]));
  const of = (name) => (Object.hasOwn(form, name) ? form[name] : Object.hasOwn(form, `${name}?`) && form[`${name}?`]);
  return v !== null && typeof v === "object" && !Array.isArray(v) && Object.keys(form).every((name) => name.endsWith("?") || Object.hasOwn(v, name)) && Object.keys(v).every((name) => of(name) && formed(v[name], of(name)));
}
function plainly(json) { // of what JSON.parse has read
  const open = [];
  for (const [token, string, colon, number] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)|([-0-9][-+.0-9eE]*)|[{}[\]]/g)) {
    if (number && !/^(0|-?[1-9][0-9]*)$/.test(number)) return false;
    if ("{[".includes(token)) open.push(new Set());
    if ("}]".includes(token)) open.pop();
    if (string && !JSON.parse(string).isWellFormed()) return false;
    if (colon && open.at(-1).size === open.at(-1).add(JSON.parse(string)).size) return false;
  }
  return true;
}

function signed(by, network, type, fields, message) { // k members of the network's quorum, ascending, signed this
  const { scheme, k, members } = by;
  must(scheme === "ecdsa" && abi("uint8 uint256 address[]", [1, k, members]) === network.first, "quorum");
  must(abi("string bytes32", [network.name, network.first]) === expected, "network");
  const types = { [type]: fields.split(", ").map((f) => ({ type: f.split(" ")[0], name: f.split(" ")[1] })) };
  const digest = TypedDataEncoder.hash({ name: "Dodona", version: "1", salt: expected }, types, message);
  const signers = by.signatures.map((s) => recovered(digest, s));
  must(signers.every((s, i) => members.includes(s) && (i === 0 || signers[i - 1] < s)) && signers.length >= k, "signature");
}

function check(given) {
  must(plainly(written) && formed(given, ["answer", "proof", "anchored", "history"].some((name) => name in given) ? EVIDENCE : ANSWER), "form: it is not built as an answer or its proof is");
  const { network, quorum, feed, attestation: { report, observed, signatures } } = given.answer ?? given;
  must(report.feed === abi("string string string uint8 bytes32", [feed.name, feed.kind, feed.unit, feed.decimals, abi("string[]", [feed.labels ?? []])]), "feed");
  signed({ ...quorum, signatures }, network, "Report", "bytes32 feed, uint64 round, int192 value", report);
  if (given.anchored) {
    const { leaf, path } = given.proof, { anchor } = given.anchored;
    must([1, 3].includes(leaf.kind) && leaf.feed === report.feed && leaf.round === report.round && leaf.value === report.value && leaf.observed === observed, "leaf");
    must(anchor.count > 0 && anchor.from < anchor.to && leaf.round < (leaf.kind === 1 ? anchor.to : anchor.from) && (leaf.kind === 3 || leaf.round >= anchor.from), "anchor");
    const bottom = keccak256(abi("uint8 bytes32 uint64 int192 bytes32", [leaf.kind, leaf.feed, leaf.round, leaf.value, leaf.observed]));
    must(path.reduce((a, b) => keccak256(concat(a < b ? [a, b] : [b, a])), bottom) === anchor.root, "path");
    signed({ ...given.anchored.quorum, signatures: given.anchored.signatures }, given.anchored.network, "Anchor", "bytes32 root, bytes32 previous, uint64 from, uint64 to, uint64 count", anchor);
  }
  console.log(`valid: ${feed.name} = ${report.value} / 10^${feed.decimals} ${feed.unit}, ${new Date(report.round).toISOString()}${given.anchored ? ", under a signed root" : ""}`);
}

const given = read();
if (given?.title && given.detail) stop(`${file}: no evidence, neither valid nor invalid: the node says: ${String(given.detail).slice(0, 999).replace(/\p{C}/gu, "?")}`);
if (given?.gap) stop(`${file}: a gap, the proof that a round has no answer: dodona verify judges it`);
try { check(given); } catch { must(false, "form: it is not built as an answer or its proof is"); }
