// The verifier's page: an answer, what is expected of it, and the steps that it passes or fails.

import { $, el, grouped, instant, mark } from "./dom.js";
import { anchorSlot, compareAnchor, compareFeed, feedSlot } from "./chain.js";
import { readRaw } from "./node.js";
import { judge } from "./verifier.js";

// The steps in the order in which verify looks, and the reasons that end each.
const steps = [
  { title: "Form", tells: "strict JSON, nothing unknown in it", reasons: ["malformed"] },
  { title: "Feed and network", tells: "feed, quorum and network are what their digests say", reasons: ["feed", "quorum", "network", "member", "value", "rotation"] },
  { title: "Signatures", tells: "enough members signed exactly this", reasons: ["signature", "order", "threshold"] },
  { title: "Path", tells: "the answer's leaf leads to the root", reasons: ["leaf", "path"], proof: true },
  { title: "Root", tells: "the network signed the root", reasons: ["anchor", "root"], proof: true },
  { title: "Chain", tells: "the contract holds it", reasons: [], chain: true },
];

const field = (name) => $("#" + name).value.trim();

/** expected reads what the reader knows beforehand. */
function expected() {
  const want = {};
  if (field("network")) want.networkId = field("network").toLowerCase();
  const members = field("members").toLowerCase().split(/[\s,;]+/).filter(Boolean);
  if (members.length) want.members = members;
  return want;
}

// What a link has filled in, and nobody has confirmed: whoever made the link chose it.
const linked = new Set();
const fromLink = { network: "network id", members: "members", rpc: "RPC server", contract: "contract" };

/** mine takes fields for the reader's own. */
function mine(...names) {
  for (const name of names) {
    linked.delete(name);
    delete $("#" + name).closest(".row").dataset.linked;
  }
}

/** chosenByLink returns which of these are from the link, in words. */
const chosenByLink = (...names) => names.filter((name) => linked.has(name)).map((name) => fromLink[name]);

/** pinnedByReader reports whether the reader named the network or its members. */
const pinnedByReader = () => ["network", "members"].some((name) => field(name) && !linked.has(name));

/** isOwn reports whether the document, which is valid, is of the network of the node that serves this page. */
async function isOwn(text) {
  try {
    const { network } = JSON.parse(await readRaw("v1/status"));
    const said = JSON.parse(text);
    const { name, first } = said.network ?? said.anchored.network;
    return name === network.name && first === network.first;
  } catch {
    return false; // the reader is asked instead
  }
}

/** document returns the text to judge: what was pasted, or else what is at the address. */
async function given() {
  const text = $("#document").value;
  if (text.trim() || !field("link")) return text;
  const loaded = await readRaw(field("link"));
  $("#document").value = loaded;
  fetched = $("#document").value; // line breaks are not what they were
  return loaded;
}

let fetched = ""; // what came from the address, as it stands in the document's place

/** forget empties the document's place if what stands there came from an address, which is another one now. */
function forget() {
  if ($("#document").value === fetched) $("#document").value = "";
}

async function run() {
  const outcome = $("#outcome");
  outcome.className = "";
  outcome.textContent = "Checking";
  try {
    const text = await given();
    if (!text.trim()) return show("none", "No answer yet", "Paste one, or follow a link of the page.");
    const verdict = await judge(text, expected());
    const chain = verdict.valid ? await askChain(text, verdict) : { state: "skipped" };
    const named = pinnedByReader() || (verdict.valid && linked.has("network") && await isOwn(text));
    tell(text, verdict, chain, named);
  } catch (error) {
    show("bad", "Could not check", `${error.message}`);
  }
}

/** askChain looks at the contract, if one is named. A chain that does not answer is no verdict on the answer. */
async function askChain(text, verdict) {
  const [rpc, contract] = [field("rpc"), field("contract")];
  if (!rpc || !contract) return { state: "skipped", message: "not asked" };
  const chosen = chosenByLink("rpc", "contract");
  if (chosen.length) return { state: "skipped", message: `not asked: ${listed(chosen)} from the link`, chosen };
  try {
    const anchor = verdict.commitment;
    if (!anchor) {
      const { chain, word } = await feedSlot(rpc, contract);
      const said = compareFeed({ round: verdict.round, value: verdict.value }, word);
      return { ...said, message: `${said.message} (chain ${chain})` };
    }
    const { chain, word } = await anchorSlot(rpc, contract, anchor.to);
    const { valid } = await judge(text, { ...expected(), slot: word });
    const said = valid ? { state: "good", message: "the contract's ring holds this root" } : compareAnchor(anchor, word);
    return { ...said, message: `${said.message} (chain ${chain})` };
  } catch (error) {
    return { state: "failed", reason: "rpc", message: `the chain could not be asked: ${error.message}` };
  }
}

/** listed joins words and says that they come. */
const listed = (words) => `${words.join(words.length > 2 ? ", " : " and ")} ${words.length > 1 || words[0] === "members" ? "come" : "comes"}`;

function show(state, title, sentence, lines = [], facts = []) {
  $("#unconfirmed").hidden = true;
  $("#result").dataset.state = state;
  $("#outcome").replaceChildren(mark(state), title);
  $("#outcome").className = state;
  $("#sentence").textContent = sentence;
  $("#steps").replaceChildren(...lines);
  $("#facts").replaceChildren(...facts);
}

function tell(text, verdict, chain, named) {
  const proven = verdict.commitment || /"anchored"\s*:/.test(text);
  // What is wrong with the anchor's own signatures and quorum belongs to the root.
  const ofAnchor = !verdict.valid && verdict.message.startsWith("the anchor");
  let failed = false;
  const lines = steps.filter((s) => !s.proof || proven).map((s) => {
    if (s.chain) return line(s.title, verdict.valid ? chain.state : "skipped", chain.message ?? "not reached", chain.reason);
    if (failed) return line(s.title, "skipped", "not reached");
    if (!verdict.valid && (ofAnchor ? s.title === "Root" : s.reasons.includes(verdict.reason))) {
      failed = true;
      return line(s.title, "bad", verdict.message, verdict.reason);
    }
    return line(s.title, "good", s.tells);
  });
  if (!verdict.valid && !failed) lines.push(line("Verdict", "bad", verdict.message, verdict.reason));
  const chosen = verdict.valid ? [...(named ? [] : chosenByLink("network", "members")), ...(chain.chosen ?? [])] : [];
  const sure = named && chain.state !== "failed" && !chosen.length;
  const state = !verdict.valid || chain.state === "bad" ? "bad" : sure ? "good" : "uncertain";
  const title = !verdict.valid ? `Not valid: ${verdict.reason}` : chain.state === "bad" ? `Not on the chain: ${chain.reason}`
    : chosen.length ? "Not confirmed" : "Valid";
  const doubt = chosen.length ? `. But ${listed(chosen)} from the link: whoever made it chose what is proven. Compare with what you know from elsewhere`
    : verdict.pinned ? "" : ". You named neither network nor members, so this shows only that the answer is consistent";
  const sentence = !verdict.valid ? capital(verdict.message) : chain.state === "bad" ? capital(chain.message) : `${capital(verdict.message)}${doubt}.`;
  show(state, title, sentence, lines, verdict.valid ? factsOf(verdict) : []);
  $("#unconfirmed").hidden = !chosen.length;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const states = { good: ["good", "passed"], bad: ["bad", "failed"], none: ["none", "open"], skipped: ["none", "not asked"], failed: ["uncertain", "no answer"] };

function line(title, state, message, reason) {
  const [look, word] = states[state] ?? states.none;
  return el("li", { class: look, "data-step": title }, mark(look), el("b", { text: title }), el("span", { class: "sr", text: `: ${word}. ` }),
    reason ? el("code", { text: reason }) : null, el("span", { text: message ?? "" }));
}

function factsOf(v) {
  const [number, ...unit] = (v.answer ?? "").split(" ");
  const c = v.commitment;
  const facts = [["Feed", v.feed], ["Answer", v.answer && [grouped(number), ...unit].join(" ")], [c?.cause?.startsWith("not known: ") ? "Not known" : "Missed", c?.cause && `${instant(c.first)} to ${instant(c.last)}: ${c.cause}`], ["Round", v.round && `${instant(v.round)} (${v.round})`], ["Network", v.network && `${v.network} ${v.networkId}`], ["Signed digest", v.digest], [v.signers?.length === 1 ? "Signer" : "Signers", v.signers?.join(" ")],
    ["Window", c && `${instant(c.from)} to ${instant(c.to)}, ${c.count} leaves`], ["Root", c?.root]];
  return facts.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { class: /^0x/.test(value) ? "mono" : "", text: value })]);
}

// Links: #answer= carries the document itself, in base64url or as it is; ?url= names it. A fragment never reaches a server.

function decodeAnswer(text) {
  if (text.startsWith("{")) return text;
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

function encodeAnswer(text) {
  const bytes = new TextEncoder().encode(text);
  let raw = "";
  for (const b of bytes) raw += String.fromCharCode(b);
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function follow() {
  const values = new URLSearchParams(location.search);
  new URLSearchParams(location.hash.slice(1)).forEach((value, name) => values.set(name, value));
  for (const [name, into] of [["url", "link"], ["network", "network"], ["members", "members"], ["rpc", "rpc"], ["contract", "contract"]]) {
    if (!values.has(name)) continue;
    $("#" + into).value = values.get(name);
    if (into in fromLink && field(into)) {
      linked.add(into);
      $("#" + into).closest(".row").dataset.linked = "";
    }
  }
  forget();
  if (values.has("answer")) {
    try {
      $("#document").value = decodeAnswer(values.get("answer"));
    } catch {
      return show("bad", "Could not check", "The answer in this link cannot be read: it is neither JSON nor base64url.");
    }
  }
  if (values.has("answer") || values.has("url")) run();
}

$("#share").addEventListener("click", async () => {
  const values = new URLSearchParams();
  for (const name of ["network", "members", "rpc", "contract"]) if (field(name)) values.set(name, field(name));
  if ($("#document").value.trim()) values.set("answer", encodeAnswer($("#document").value));
  else if (field("link")) values.set("url", field("link"));
  history.replaceState(null, "", `${location.pathname}#${values}`);
  try {
    await navigator.clipboard.writeText(location.href);
    $("#share").textContent = "Copied";
  } catch {
    $("#share").textContent = "It is in the address bar";
  }
});
$("#question").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
$("#link").addEventListener("input", forget);
for (const name of Object.keys(fromLink)) $("#" + name).addEventListener("input", () => mine(name));
$("#confirm").addEventListener("click", () => {
  mine(...linked);
  run();
});
$("#document").addEventListener("input", () => ($("#share").textContent = "Copy a link to this"));
$("#document").addEventListener("keydown", (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && run());
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (!file) return;
  $("#document").value = await file.text();
  run();
});
addEventListener("hashchange", follow);
follow();
