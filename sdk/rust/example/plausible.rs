//! Plausible converts every point that the feed asks for, and marks as bad what cannot be true:
//! value × factor + offset, which must be within min and max. All four are parameters, decimals, and optional.
#![no_std]

use dodona::{Decimal, Quality, Text, Value};

dodona::panic_ends_event!();

// The codes of fail.
const BAD_PARAM: i32 = 1;
const BAD_POINT: i32 = 2;

/// The parameters of the feed's rules.
struct Limits {
    factor: Decimal,
    offset: Decimal,
    min: Option<Decimal>,
    max: Option<Decimal>,
}

#[no_mangle]
pub extern "C" fn dodona_run() -> i32 {
    match run() {
        Ok(()) => 0,
        Err(code) => code,
    }
}

fn run() -> Result<(), i32> {
    let limits = Limits {
        factor: decimal("factor")?.unwrap_or(Decimal::ONE),
        offset: decimal("offset")?.unwrap_or(Decimal::ZERO),
        min: decimal("min")?,
        max: decimal("max")?,
    };
    let mut buffer = [0; 64]; // the longest unit that a point may have
    let unit = match dodona::param("unit", &mut buffer) {
        Err(dodona::ENOENT) => "",
        Err(_) => return refuse(BAD_PARAM, &["param unit: want at most 64 bytes"]),
        Ok(text) => text,
    };
    for i in 0..dodona::asked() {
        check(&limits, unit, i)?;
    }
    Ok(())
}

/// Returns a parameter of the feed, if it has it.
fn decimal(name: &str) -> Result<Option<Decimal>, i32> {
    let mut buffer = [0; 256];
    let parsed = match dodona::param(name, &mut buffer) {
        Err(dodona::ENOENT) => return Ok(None),
        Err(_) => None,
        Ok(text) => Decimal::parse(text),
    };
    if parsed.is_none() {
        return refuse(BAD_PARAM, &["param ", name, ": want a decimal such as -12.5"]);
    }
    Ok(parsed)
}

fn refuse<T>(code: i32, parts: &[&str]) -> Result<T, i32> {
    let mut text = Text::new();
    for part in parts {
        text.push(part);
    }
    Err(dodona::fail(code, text.as_str()))
}

fn check(limits: &Limits, unit: &str, i: i32) -> Result<(), i32> {
    let mut value = Value { decimal: Decimal::ZERO, time: dodona::EVENT_TIME, quality: Quality::Bad };
    let mut reason = Text::new();
    match dodona::asked_value(i) {
        Err(dodona::ENOENT) => return Ok(()), // the feed knows what to do about a missing point
        Err(dodona::ERANGE) => {
            reason.push("the value does not fit in 64 bits");
        }
        Ok(v) if v.quality != Quality::Bad => {
            value = v;
            limits.judge(&mut value.decimal, &mut reason);
        }
        _ => {
            reason.push("the value is bad already");
        }
    }
    let mut buffer = [0; dodona::MAX_ID];
    let id = dodona::asked_id(i, &mut buffer).unwrap_or("");
    let emitted = if reason.is_empty() {
        dodona::emit(id, &value, unit)
    } else {
        value.quality = Quality::Bad;
        dodona::emit(id, &value, unit).and_then(|_| dodona::reason(reason.as_str()))
    };
    emitted.or_else(|error| {
        let mut number = Text::new();
        Decimal { mantissa: error.0 as i64, exponent: 0 }.write(&mut number);
        refuse(BAD_POINT, &["point ", id, ": error ", number.as_str()])
    })
}

impl Limits {
    /// Converts d, and writes why the result is bad, or nothing.
    fn judge(&self, d: &mut Decimal, reason: &mut Text) {
        match d.mul(self.factor).and_then(|product| product.add(self.offset)) {
            Some(converted) => *d = converted,
            None => {
                d.write(reason);
                reason.push(" does not fit in 64 bits after conversion");
                return;
            }
        }
        let mut write = |what, bound: Decimal| {
            d.write(reason);
            bound.write(reason.push(what));
        };
        match (self.min, self.max) {
            (Some(min), _) if d.is_less(min) => write(" is below min ", min),
            (_, Some(max)) if max.is_less(*d) => write(" is above max ", max),
            _ => {}
        }
    }
}
