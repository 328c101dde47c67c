// The verifier: package verify, compiled to WebAssembly, loaded when it is first asked for.

let compiled;

const load = () => WebAssembly.compileStreaming(fetch("verifier.wasm"));

/**
 * judge returns the verdict on a document: {valid, reason, message, …}. expected may name a networkId and members.
 * Every document gets an instance of its own, so no document can leave anything behind for the next one.
 */
export async function judge(document, expected = {}) {
  compiled ??= load();
  let module;
  try {
    module = await compiled;
  } catch (error) {
    compiled = undefined; // the next one tries again
    throw error;
  }
  const { exports: verifier } = await WebAssembly.instantiate(module, {});
  verifier._initialize();
  const encoder = new TextEncoder();
  const options = encoder.encode(JSON.stringify(expected));
  const bytes = typeof document === "string" ? encoder.encode(document) : document;
  const at = verifier.room(options.length + bytes.length);
  const room = new Uint8Array(verifier.memory.buffer, at, options.length + bytes.length);
  room.set(options);
  room.set(bytes, options.length);
  const size = verifier.judge(options.length, bytes.length);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(verifier.memory.buffer, verifier.verdict(), size)));
}
