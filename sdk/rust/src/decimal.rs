use crate::Text;

/// The number mantissa × 10^exponent, exactly. Arithmetic is None unless the result fits in 64 bits and exponents of
/// −57 to 57, and leaves it without trailing zeros.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    pub mantissa: i64,
    pub exponent: i32,
}

/// The largest power of ten in a value of Dodona, and with a minus the smallest.
const MAX_EXPONENT: i32 = 57;

/// The characters of a decimal.
const MAX_TEXT: usize = 256;

impl Decimal {
    pub const ZERO: Decimal = Decimal { mantissa: 0, exponent: 0 };
    pub const ONE: Decimal = Decimal { mantissa: 1, exponent: 0 };

    /// Reads digits with at most one point, such as -12.5 or 3e2. None for anything else, for what does not fit, and
    /// for more than 256 characters.
    pub fn parse(s: &str) -> Option<Decimal> {
        let mut rest = s.as_bytes();
        if rest.len() > MAX_TEXT {
            return None;
        }
        let negative = sign(&mut rest);
        // Zeros count only if another digit follows, so that 1.000 is 1 and 1000 is 1e3.
        let (mut mantissa, mut zeros, mut exponent) = (0i64, 0, 0);
        let (mut digits, mut point) = (false, false);
        while let [c, tail @ ..] = rest {
            match c {
                b'.' if digits && !point => {
                    point = true;
                    digits = false;
                }
                b'0'..=b'9' => {
                    digits = true;
                    exponent -= point as i32;
                    zeros += 1;
                    if *c != b'0' {
                        mantissa = scaled(mantissa, zeros)?.checked_add((c - b'0') as i64)?;
                        zeros = 0;
                    }
                }
                _ => break,
            }
            rest = tail;
        }
        if !digits {
            return None;
        }
        exponent += zeros + parse_exponent(rest)?;
        Decimal { mantissa: if negative { -mantissa } else { mantissa }, exponent }.normal()
    }

    /// Takes trailing zeros away. None if the exponent is out of range.
    fn normal(mut self) -> Option<Decimal> {
        if self.mantissa == 0 {
            return Some(Decimal::ZERO);
        }
        while self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.exponent += 1;
        }
        if self.exponent < -MAX_EXPONENT || self.exponent > MAX_EXPONENT {
            return None;
        }
        Some(self)
    }

    pub fn mul(self, other: Decimal) -> Option<Decimal> {
        let (a, b) = (self.normal()?, other.normal()?);
        let y = b.mantissa.unsigned_abs();
        if y != 0 && a.mantissa.unsigned_abs() > i64::MAX as u64 / y {
            return None;
        }
        Decimal { mantissa: a.mantissa.wrapping_mul(b.mantissa), exponent: a.exponent + b.exponent }.normal()
    }

    pub fn add(self, other: Decimal) -> Option<Decimal> {
        let (a, b) = (self.normal()?, other.normal()?);
        if a.mantissa == 0 {
            return Some(b);
        }
        if b.mantissa == 0 {
            return Some(a);
        }
        let (a, b) = if a.exponent < b.exponent { (b, a) } else { (a, b) };
        let mantissa = scaled(a.mantissa, a.exponent - b.exponent)?.checked_add(b.mantissa)?;
        Decimal { mantissa, exponent: b.exponent }.normal()
    }

    pub fn is_less(self, other: Decimal) -> bool {
        if self.exponent >= other.exponent {
            return match scaled(self.mantissa, self.exponent - other.exponent) {
                Some(m) => m < other.mantissa,
                None => self.mantissa < 0,
            };
        }
        match scaled(other.mantissa, other.exponent - self.exponent) {
            Some(m) => self.mantissa < m,
            None => other.mantissa > 0,
        }
    }

    /// Appends the number without exponent and without trailing zeros; "?" if its exponent is out of range.
    pub fn write(self, text: &mut Text) {
        let d = match self.normal() {
            Some(d) => d,
            None => {
                text.push("?");
                return;
            }
        };
        // From the right: 57 zeros or decimals, a point, 20 digits and a sign at most.
        let mut b = [b'0'; MAX_EXPONENT as usize + 22];
        let mut at = b.len() - d.exponent.max(0) as usize;
        let (mut m, mut left) = (d.mantissa.unsigned_abs(), -d.exponent);
        while m > 0 || left >= 0 {
            if left == 0 && d.exponent < 0 {
                at -= 1;
                b[at] = b'.';
            }
            at -= 1;
            b[at] = b'0' + (m % 10) as u8;
            m /= 10;
            left -= 1;
        }
        if d.mantissa < 0 {
            at -= 1;
            b[at] = b'-';
        }
        text.push(unsafe { core::str::from_utf8_unchecked(&b[at..]) });
    }
}

/// Takes a sign away and says whether it was a minus.
fn sign(s: &mut &[u8]) -> bool {
    match *s {
        [c @ (b'-' | b'+'), tail @ ..] => {
            *s = tail;
            *c == b'-'
        }
        _ => false,
    }
}

/// Reads what follows the digits: nothing, or e and an integer of up to six digits.
fn parse_exponent(s: &[u8]) -> Option<i32> {
    let mut rest = match s {
        [] => return Some(0),
        [b'e' | b'E', tail @ ..] => tail,
        _ => return None,
    };
    let negative = sign(&mut rest);
    if rest.is_empty() || rest.len() > 6 {
        return None;
    }
    let mut e = 0;
    for c in rest {
        if !c.is_ascii_digit() {
            return None;
        }
        e = e * 10 + (c - b'0') as i32;
    }
    Some(if negative { -e } else { e })
}

/// Returns m × 10^n.
fn scaled(mut m: i64, n: i32) -> Option<i64> {
    if m == 0 {
        return Some(0);
    }
    for _ in 0..n {
        if m > i64::MAX / 10 || m < i64::MIN / 10 {
            return None;
        }
        m *= 10;
    }
    Some(m)
}
