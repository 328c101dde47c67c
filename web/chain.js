// The chain: one question to an Ethereum node, and what its answer says.

const deadline = 15_000; // ms

/** asker returns a function that asks one RPC server, which learns the contract and nothing else. */
function asker(rpc, contract) {
  if (!/^0x[0-9a-fA-F]{40}$/.test(contract)) throw new Error("the contract is not an address: want 0x and 40 hex digits");
  return async (method, params) => {
    const response = await fetch(rpc, {
      method: "POST", headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(deadline), credentials: "omit",
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    if (!/^0x[0-9a-f]{1,64}$/i.test(result)) throw new Error(`${method}: the result is no word; is the contract at ${contract} on this chain?`);
    return result;
  };
}

/** read returns the chain's id and one word of the contract's storage, as 0x and 64 digits. */
async function read(ask, contract, index) {
  const [chain, word] = await Promise.all([ask("eth_chainId", []), ask("eth_getStorageAt", [contract, "0x" + index.toString(16), "latest"])]);
  return { chain: BigInt(chain).toString(), word: "0x" + word.slice(2).toLowerCase().padStart(64, "0") };
}

/** feedSlot reads the one slot of a DodonaFeed. */
export const feedSlot = (rpc, contract) => read(asker(rpc, contract), contract, 0);

const period = "0xef78d4fd"; // the selector of period()
const ring = 4096; // slots of a DodonaAnchor, from 0 on

/** anchorSlot reads the slot of a DodonaAnchor where the window that ends at to belongs. */
export async function anchorSlot(rpc, contract, to) {
  const ask = asker(rpc, contract);
  const every = Number(await ask("eth_call", [{ to: contract, data: period }, "latest"]));
  if (!(every > 0)) throw new Error("the contract has no period: is it a DodonaAnchor?");
  return read(ask, contract, Math.floor(to / every) % ring);
}

const inFeed = (word) => ({ round: Number(BigInt(word) >> 192n), value: BigInt.asIntN(192, BigInt(word)).toString() });
const inRing = (word) => ({ to: Number(BigInt("0x" + word.slice(2, 18))), root: "0x" + word.slice(18) });

/** compareFeed says what a DodonaFeed's slot means for a report. */
export function compareFeed(report, word) {
  const { round, value } = inFeed(word);
  if (round === 0) return { state: "bad", reason: "empty", message: "the slot is empty: nothing was delivered to this contract, or it is another one" };
  if (round === report.round && value === report.value) return { state: "good", message: `the slot holds this round and this value` };
  if (round === report.round) return { state: "bad", reason: "differs", message: `the slot holds ${value} for this very round` };
  if (round > report.round) return { state: "none", message: `the slot has gone on to round ${round}; this one cannot be compared any more` };
  return { state: "none", message: `the slot is still at round ${round}; this one was not delivered, or not yet` };
}

/** compareAnchor says what a DodonaAnchor's slot means for an anchor. */
export function compareAnchor(anchor, word) {
  const { to, root } = inRing(word);
  if (to === anchor.to && anchor.root.startsWith(root)) return { state: "good", message: "the chain holds this root" };
  if (to === 0) return { state: "bad", reason: "empty", message: "the slot is empty: no root of this window is on this chain" };
  if (to === anchor.to) return { state: "bad", reason: "differs", message: `the chain holds the root ${root}… for this very window` };
  if (to > anchor.to) return { state: "none", message: "the ring has gone on to a later window; look for the event of this one" };
  return { state: "bad", reason: "absent", message: "the root of this window is not on this chain, or not yet" };
}
