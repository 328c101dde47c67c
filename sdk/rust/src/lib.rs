//! What a Dodona module written in Rust talks to its host with: the whole of the guest interface dodona_v1
//! (spec/abi.md), and exact decimals. It needs neither std nor an allocator; texts and bodies go into buffers of the
//! module. A module exports its one function so, and returns 0 for an answered event:
//!
//! ```ignore
//! #[no_mangle]
//! pub extern "C" fn dodona_run() -> i32 { … }
//! ```
//!
//! Only the functions that a module calls become imports of it.
#![no_std]

pub mod abi;
mod capability;
mod decimal;

pub use capability::*;
pub use decimal::Decimal;

/// A refusal of the host: a Linux error number, or 1000 + the status of an HTTP answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

pub const ENOENT: Errno = Errno(2);
pub const EIO: Errno = Errno(5);
pub const EAGAIN: Errno = Errno(11);
pub const EACCES: Errno = Errno(13);
pub const EINVAL: Errno = Errno(22);
pub const ENOSPC: Errno = Errno(28);
pub const ERANGE: Errno = Errno(34);
pub const ETIMEDOUT: Errno = Errno(110);

pub type Result<T> = core::result::Result<T, Errno>;

pub(crate) fn size(n: i32) -> Result<usize> {
    if n < 0 {
        return Err(Errno(-n));
    }
    Ok(n as usize)
}

pub(crate) fn done(n: i32) -> Result<()> {
    size(n).map(|_| ())
}

/// How far a value can be trusted. The number of a bad point does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quality {
    Good = 0,
    Uncertain = 1,
    Bad = 2,
}

impl Quality {
    fn from(n: i32) -> Quality {
        match n {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            _ => Quality::Bad,
        }
    }
}

/// What the host says where it knows no time.
pub const UNKNOWN_TIME: i64 = -62135596800000;
/// The time of the event's oldest reading.
pub const EVENT_TIME: i64 = i64::MIN;

/// Says how many readings the event has.
pub fn inputs() -> i32 {
    unsafe { abi::input_count() }
}

/// Says how many bytes the body of reading i has.
pub fn input_size(i: i32) -> Result<usize> {
    size(unsafe { abi::input_size(i) })
}

/// Copies from the body of reading i, and says how many bytes: 0 at its end.
pub fn input_read(i: i32, offset: usize, dst: &mut [u8]) -> Result<usize> {
    size(unsafe { abi::input_read(i, dst.as_mut_ptr(), offset, dst.len()) })
}

/// Returns the name of the source of reading i.
pub fn source(i: i32, buffer: &mut [u8]) -> Result<&str> {
    let n = unsafe { abi::input_meta(i, 0, buffer.as_mut_ptr(), buffer.len()) };
    text(n, buffer)
}

/// Returns what the source calls the thing that reading i is of.
pub fn item(i: i32, buffer: &mut [u8]) -> Result<&str> {
    let n = unsafe { abi::input_meta(i, 1, buffer.as_mut_ptr(), buffer.len()) };
    text(n, buffer)
}

/// Returns the media type of reading i, "" if the peer named none.
pub fn content_type(i: i32, buffer: &mut [u8]) -> Result<&str> {
    let n = unsafe { abi::input_meta(i, 2, buffer.as_mut_ptr(), buffer.len()) };
    text(n, buffer)
}

/// Returns when reading i arrived, in Unix milliseconds.
pub fn received(i: i32) -> Result<i64> {
    let mut b = [0; 8];
    done(unsafe { abi::input_meta(i, 3, b.as_mut_ptr(), 8) })?;
    Ok(i64::from_le_bytes(b))
}

/// Returns when the peer says that it measured reading i, in Unix milliseconds; ENOENT if it does not say.
pub fn source_time(i: i32) -> Result<i64> {
    let mut b = [0; 8];
    done(unsafe { abi::input_meta(i, 4, b.as_mut_ptr(), 8) })?;
    Ok(i64::from_le_bytes(b))
}

/// Returns the quality of reading i.
pub fn input_quality(i: i32) -> Result<Quality> {
    let mut b = [0; 4];
    done(unsafe { abi::input_meta(i, 5, b.as_mut_ptr(), 4) })?;
    Ok(Quality::from(i32::from_le_bytes(b)))
}

/// Returns the number at a JSON Pointer (RFC 6901) of reading i, exactly. ENOENT: nothing is there; EINVAL: it is no
/// number, or the reading no document; ERANGE: it does not fit.
pub fn number(i: i32, pointer: &str) -> Result<Decimal> {
    let mut d = Decimal::ZERO;
    done(unsafe { abi::input_json(i, pointer.as_ptr(), pointer.len(), &mut d.mantissa, &mut d.exponent) })?;
    Ok(d)
}

/// Says how many points the feed asks for.
pub fn asked() -> i32 {
    unsafe { abi::from_count() }
}

/// The bytes of the longest id of a point.
pub const MAX_ID: usize = 255;

/// Returns the id of point i that the feed asks for.
pub fn asked_id(i: i32, buffer: &mut [u8]) -> Result<&str> {
    let n = unsafe { abi::from_id(i, buffer.as_mut_ptr(), buffer.len()) };
    text(n, buffer)
}

/// What was extracted for a point.
#[derive(Clone, Copy)]
pub struct Value {
    pub decimal: Decimal,
    pub time: i64, // Unix milliseconds
    pub quality: Quality,
}

/// Returns the newest value of point i that the feed asks for. Of a bad one only the quality is known.
/// ENOENT: there is none; ERANGE: it does not fit in 64 bits.
pub fn asked_value(i: i32) -> Result<Value> {
    let mut v = Value { decimal: Decimal::ZERO, time: EVENT_TIME, quality: Quality::Bad };
    let n = unsafe { abi::from_value(i, &mut v.decimal.mantissa, &mut v.decimal.exponent, &mut v.time) };
    done(n)?;
    v.quality = Quality::from(n);
    Ok(v)
}

/// Adds a point to the answer.
pub fn emit(id: &str, v: &Value, unit: &str) -> Result<()> {
    let (d, q) = (v.decimal, v.quality as i32);
    done(unsafe { abi::point(id.as_ptr(), id.len(), d.mantissa, d.exponent, unit.as_ptr(), unit.len(), v.time, q) })
}

/// Says why the quality of the last point is not good, in 1 to 256 bytes.
pub fn reason(text: &str) -> Result<()> {
    done(unsafe { abi::point_reason(text.as_ptr(), text.len()) })
}

/// Replaces the bytes that are kept with the round for auditors, at most 4,096.
pub fn output(b: &[u8]) -> Result<()> {
    done(unsafe { abi::output_write(b.as_ptr(), b.len()) })
}

/// Returns a parameter out of the feed's rules, or ENOENT.
pub fn param<'a>(name: &str, buffer: &'a mut [u8]) -> Result<&'a str> {
    let n = unsafe { abi::param(name.as_ptr(), name.len(), buffer.as_mut_ptr(), buffer.len()) };
    text(n, buffer)
}

/// Says why the event has no answer, in at most 512 bytes, and returns code: `return dodona::fail(1, "…")`.
pub fn fail(code: i32, why: &str) -> i32 {
    unsafe { abi::fail(code, why.as_ptr(), why.len()) };
    code
}

/// The weight of a line of the log.
#[derive(Clone, Copy)]
pub enum Level {
    Debug = 0,
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// Writes a line to the log.
pub fn log(level: Level, line: &str) {
    unsafe { abi::log(level as i32, line.as_ptr(), line.len()) }
}

/// Returns what a function that copies text wrote; ENOSPC if the buffer is too small for it.
pub(crate) fn text(n: i32, buffer: &[u8]) -> Result<&str> {
    let n = size(n)?;
    let bytes = buffer.get(..n).ok_or(ENOSPC)?;
    // The host writes UTF-8 only.
    Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
}

/// Collects a text for people, of at most 512 bytes. What does not fit is cut.
pub struct Text {
    len: usize,
    bytes: [u8; 512],
}

impl Text {
    pub const fn new() -> Text {
        Text { len: 0, bytes: [0; 512] }
    }

    /// Appends the characters that fit.
    pub fn push(&mut self, s: &str) -> &mut Text {
        let mut room = (self.bytes.len() - self.len).min(s.len());
        while !s.is_char_boundary(room) {
            room -= 1;
        }
        for b in &s.as_bytes()[..room] {
            self.bytes[self.len] = *b;
            self.len += 1;
        }
        self
    }

    /// Returns what was collected.
    pub fn as_str(&self) -> &str {
        // Whole characters were appended.
        unsafe { core::str::from_utf8_unchecked(&self.bytes[..self.len]) }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Ends the event where the module panics. For modules without std, which have to say so themselves.
#[macro_export]
macro_rules! panic_ends_event {
    () => {
        #[cfg(target_arch = "wasm32")]
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo) -> ! {
            core::arch::wasm32::unreachable()
        }
    };
}
