// The chain: one question to an Ethereum node, and what its answer says.

const deadline = 15_000; // ms

/** slot returns 32 bytes of a contract's storage, as 0x and 64 digits, and the chain they are on. */
export async function slot(rpc, contract, index) {
  if (!/^0x[0-9a-fA-F]{40}$/.test(contract)) throw new Error("the contract is not an address: want 0x and 40 hex digits");
  const ask = async (method, params) => {
    const response = await fetch(rpc, {
      method: "POST", headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(deadline), credentials: "omit",
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    if (typeof result !== "string") throw new Error(`${method}: no result`);
    return result;
  };
  const [chain, word] = await Promise.all([ask("eth_chainId", []), ask("eth_getStorageAt", [contract, "0x" + index.toString(16), "latest"])]);
  if (!/^0x[0-9a-f]{1,64}$/i.test(word)) throw new Error(`the storage of ${contract} is not a word: ${word.slice(0, 80)}`);
  return { chain: BigInt(chain).toString(), word: "0x" + word.slice(2).toLowerCase().padStart(64, "0") };
}

/** feedSlot reads the slot of a DodonaFeed: the round, and the value as a decimal string. */
export function feedSlot(word) {
  const bits = BigInt(word);
  return { round: Number(bits >> 192n), value: BigInt.asIntN(192, bits).toString() };
}

/** anchorSlot reads a slot of a DodonaAnchor: the end of the window, and the first 48 digits of the root. */
export const anchorSlot = (word) => ({ to: Number(BigInt("0x" + word.slice(2, 18))), root: "0x" + word.slice(18) });

const ring = 4096; // slots of a DodonaAnchor

/** anchorIndex is where the anchor of a window that ends at to lies. */
export const anchorIndex = (to, period) => Math.floor(to / period) % ring;

/** compareFeed says what a DodonaFeed's slot means for a report. */
export function compareFeed(report, word) {
  const { round, value } = feedSlot(word);
  if (round === 0) return { state: "bad", reason: "empty", message: "the slot is empty: nothing was delivered to this contract, or it is another one" };
  if (round === report.round && value === report.value) return { state: "good", message: `the slot holds this round and this value` };
  if (round === report.round) return { state: "bad", reason: "differs", message: `the slot holds ${value} for this very round` };
  if (round > report.round) return { state: "none", message: `the slot has gone on to round ${round}; this one cannot be compared any more` };
  return { state: "none", message: `the slot is still at round ${round}; this one was not delivered, or not yet` };
}

/** compareAnchor says what a DodonaAnchor's slot means for an anchor. */
export function compareAnchor(anchor, word) {
  const { to, root } = anchorSlot(word);
  if (to === anchor.to && anchor.root.startsWith(root)) return { state: "good", message: "the chain holds this root" };
  if (to === 0) return { state: "bad", reason: "empty", message: "the slot is empty: no root of this window is on this chain" };
  if (to === anchor.to) return { state: "bad", reason: "differs", message: `the chain holds the root ${root}… for this very window` };
  if (to > anchor.to) return { state: "none", message: "the ring has gone on to a later window; look for the event of this one" };
  return { state: "bad", reason: "absent", message: "the root of this window is not on this chain, or not yet" };
}
