// The guest of json.c, written in AssemblyScript 0.28.20.
//
//	asc json_as.ts -O3 --runtime incremental --use abort= -o json_as.wasm
let out: string = "";
let buffer = new StaticArray<u8>(1024);
export function input(): usize { return changetype<usize>(buffer); }
export function transform(): i32 {
  let n = 0;
  while (buffer[n] != 0) n++;
  const text = String.UTF8.decodeUnsafe(changetype<usize>(buffer), n);
  const p = text.indexOf("\"price\":"), t = text.indexOf("\"ts\":");
  if (p < 0 || t < 0) return -1;
  const v = parseFloat(text.substring(p + 8, text.indexOf(",", p)));
  const at = I64.parseInt(text.substring(t + 5, text.indexOf("}", t)));
  out = "{\"price\":" + (v * 1000).toString() + ",\"ts\":" + at.toString() + "}";
  return String.UTF8.encodeUnsafe(changetype<usize>(out), out.length, changetype<usize>(buffer), true) as i32 - 1;
}
