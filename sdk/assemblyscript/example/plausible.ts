// Plausible converts every point that the feed asks for, and marks as bad what cannot be true:
// value × factor + offset, which must be within min and max. All four are parameters, decimals, and optional.

import { asked, askedId, askedValue, Decimal, emit, Errno, fail, param, Quality, reason, Value } from "../assembly";

// The codes of fail.
const BAD_PARAM: i32 = 1, BAD_POINT: i32 = 2;

// The parameters of the feed's rules.
class Limits {
  factor: Decimal = new Decimal(1);
  offset: Decimal = new Decimal();
  min: Decimal | null = null;
  max: Decimal | null = null;
  unit: string = "";

  /** Returns the name of the parameter that is none, or null. */
  read(): string | null {
    const names = ["factor", "offset", "min", "max"];
    for (let i = 0; i < names.length; i++) {
      const text = param(names[i]);
      if (text === null) continue;
      const d = Decimal.parse(text);
      if (d === null) return names[i];
      if (i == 0) this.factor = d;
      else if (i == 1) this.offset = d;
      else if (i == 2) this.min = d;
      else this.max = d;
    }
    const unit = param("unit");
    if (unit !== null) this.unit = unit;
    return null;
  }

  /** Converts v, and returns why it is bad or "". */
  judge(v: Value): string {
    const product = v.decimal.mul(this.factor);
    const d: Decimal | null = product === null ? product : product.add(this.offset);
    if (d === null) return v.decimal.toString() + " does not fit in 64 bits after conversion";
    v.decimal = d;
    const min = this.min, max = this.max;
    if (min !== null && d.compare(min) < 0) return d.toString() + " is below min " + min.toString();
    if (max !== null && d.compare(max) > 0) return d.toString() + " is above max " + max.toString();
    return "";
  }
}

export function dodona_run(): i32 {
  const limits = new Limits();
  const wrong = limits.read();
  if (wrong !== null) return fail(BAD_PARAM, "param " + wrong + ": want a decimal such as -12.5");
  if (String.UTF8.byteLength(limits.unit) > 64) return fail(BAD_PARAM, "param unit: want at most 64 bytes");
  for (let i = 0, n = asked(); i < n; i++) {
    const code = check(limits, i);
    if (code != 0) return code;
  }
  return 0;
}

function check(limits: Limits, i: i32): i32 {
  const v = new Value();
  const refused = askedValue(i, v);
  if (refused == -Errno.ENOENT) return 0; // the feed knows what to do about a missing point
  let why: string;
  if (refused == -Errno.ERANGE) why = "the value does not fit in 64 bits";
  else if (refused < 0 || v.quality == Quality.Bad) why = "the value is bad already";
  else why = limits.judge(v);
  if (why != "") v.quality = Quality.Bad;

  const given = askedId(i);
  const id = given === null ? "" : given;
  let error = emit(id, v, limits.unit);
  if (error == 0 && why != "") error = reason(why);
  if (error == 0) return 0;
  return fail(BAD_POINT, "point " + id + ": error " + new Decimal(-error).toString());
}
