/** The largest power of ten in a value of Dodona, and with a minus the smallest. */
const MAX_EXPONENT: i32 = 57;
/** The characters of a decimal. */
const MAX_TEXT: i32 = 256;

const ZERO: i32 = 0x30, NINE: i32 = 0x39, POINT: i32 = 0x2e, PLUS: i32 = 0x2b, MINUS: i32 = 0x2d, E: i32 = 0x45;

/**
 * The number mantissa × 10^exponent, exactly. Arithmetic is null unless the result fits in 64 bits and exponents of
 * −57 to 57, and leaves it without trailing zeros.
 */
export class Decimal {
  constructor(public mantissa: i64 = 0, public exponent: i32 = 0) {}

  /** Reads digits with at most one point, such as -12.5 or 3e2. Null for anything else, for what does not fit, and for more than 256 characters. */
  static parse(s: string): Decimal | null {
    if (s.length > MAX_TEXT) return null;
    let at = 0, negative = false;
    if (at < s.length && (s.charCodeAt(at) == MINUS || s.charCodeAt(at) == PLUS)) {
      negative = s.charCodeAt(at++) == MINUS;
    }
    // Zeros count only if another digit follows, so that 1.000 is 1 and 1000 is 1e3.
    let mantissa: i64 = 0, zeros = 0, exponent = 0, digits = false, point = false;
    for (; at < s.length; at++) {
      const c = s.charCodeAt(at);
      if (c == POINT && digits && !point) {
        point = true;
        digits = false;
        continue;
      }
      if (c < ZERO || c > NINE) break;
      digits = true;
      if (point) exponent--;
      zeros++;
      if (c == ZERO) continue;
      if (!fits(mantissa, zeros)) return null;
      mantissa = scaled(mantissa, zeros);
      zeros = 0;
      if (mantissa > i64.MAX_VALUE - (c - ZERO)) return null;
      mantissa += c - ZERO;
    }
    const e = parseExponent(s, at);
    if (!digits || e == i32.MIN_VALUE) return null;
    return new Decimal(negative ? -mantissa : mantissa, exponent + zeros + e).normal();
  }

  /** This without trailing zeros, or null if the exponent is out of range. */
  private normal(): Decimal | null {
    let m = this.mantissa, e = this.exponent;
    if (m == 0) return new Decimal();
    for (; m % 10 == 0; m /= 10) e++;
    return e < -MAX_EXPONENT || e > MAX_EXPONENT ? null : new Decimal(m, e);
  }

  mul(other: Decimal): Decimal | null {
    const a = this.normal(), b = other.normal();
    if (a === null || b === null) return null;
    const y = magnitude(b.mantissa);
    if (y != 0 && magnitude(a.mantissa) > <u64>i64.MAX_VALUE / y) return null;
    return new Decimal(a.mantissa * b.mantissa, a.exponent + b.exponent).normal();
  }

  add(other: Decimal): Decimal | null {
    let a = this.normal(), b = other.normal();
    if (a === null || b === null) return null;
    if (a.mantissa == 0) return b;
    if (b.mantissa == 0) return a;
    if (a.exponent < b.exponent) {
      const swap = a;
      a = b;
      b = swap;
    }
    const shift = a.exponent - b.exponent;
    if (!fits(a.mantissa, shift)) return null;
    const m = scaled(a.mantissa, shift), sum = m + b.mantissa;
    if (m < 0 == b.mantissa < 0 && sum < 0 != m < 0) return null;
    return new Decimal(sum, b.exponent).normal();
  }

  /** -1, 0 or 1 as this is less than, equal to or greater than other. */
  compare(other: Decimal): i32 {
    if (this.exponent < other.exponent) return -other.compare(this);
    const shift = this.exponent - other.exponent;
    if (!fits(this.mantissa, shift)) return this.mantissa < 0 ? -1 : 1;
    const m = scaled(this.mantissa, shift);
    return <i32>(m > other.mantissa) - <i32>(m < other.mantissa);
  }

  /** Without exponent and without trailing zeros; "?" if the exponent is out of range. */
  toString(): string {
    const d = this.normal();
    if (d === null) return "?";
    let m = magnitude(d.mantissa);
    let s = "0".repeat(max(d.exponent, 0));
    for (let left = -d.exponent; m > 0 || left >= 0; left--) {
      if (left == 0 && d.exponent < 0) s = "." + s;
      s = String.fromCharCode(ZERO + <i32>(m % 10)) + s;
      m /= 10;
    }
    return d.mantissa < 0 ? "-" + s : s;
  }
}

/** Reads what follows the digits: nothing, or e and an integer of up to six digits. Else i32.MIN_VALUE. */
function parseExponent(s: string, at: i32): i32 {
  if (at == s.length) return 0;
  if ((s.charCodeAt(at++) & ~0x20) != E) return i32.MIN_VALUE;
  let negative = false;
  if (at < s.length && (s.charCodeAt(at) == MINUS || s.charCodeAt(at) == PLUS)) {
    negative = s.charCodeAt(at++) == MINUS;
  }
  if (at == s.length || s.length - at > 6) return i32.MIN_VALUE;
  let e = 0;
  for (; at < s.length; at++) {
    const c = s.charCodeAt(at);
    if (c < ZERO || c > NINE) return i32.MIN_VALUE;
    e = e * 10 + (c - ZERO);
  }
  return negative ? -e : e;
}

function magnitude(m: i64): u64 {
  return m < 0 ? -(<u64>m) : <u64>m;
}

/** Whether m × 10^n fits. */
function fits(m: i64, n: i32): bool {
  for (; n > 0 && m != 0; n--) {
    if (m > i64.MAX_VALUE / 10 || m < i64.MIN_VALUE / 10) return false;
    m *= 10;
  }
  return true;
}

function scaled(m: i64, n: i32): i64 {
  for (; n > 0 && m != 0; n--) m *= 10;
  return m;
}
