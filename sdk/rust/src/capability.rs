//! Capabilities. They are linked only into modules that call them, and only run where the module's manifest asks for
//! them and the operator grants them.

use crate::{abi, done, size, Result};

/// Returns the instant of the round in Unix milliseconds. Needs now_ms.
pub fn now_ms() -> i64 {
    unsafe { abi::now_ms() }
}

/// Fills b with bytes that are the same on every machine, drawn from the round. Needs random.
pub fn random(b: &mut [u8]) -> Result<()> {
    done(unsafe { abi::random(b.as_mut_ptr(), b.len()) })
}

/// Fetches a URL, stages the body of a 2xx answer, and says its size; of another answer, an Errno of 1000 + its status.
/// Needs http_get.
pub fn http_get(url: &str) -> Result<usize> {
    size(unsafe { abi::http_get(url.as_ptr(), url.len()) })
}

/// Stages the body of the source's last journaled reading, and says its size. Needs read_sensor.
pub fn read_sensor(source: &str) -> Result<usize> {
    size(unsafe { abi::read_sensor(source.as_ptr(), source.len()) })
}

/// Copies from what was staged last, and says how many bytes: 0 at its end.
pub fn result_read(offset: usize, dst: &mut [u8]) -> Result<usize> {
    size(unsafe { abi::result_read(dst.as_mut_ptr(), offset, dst.len()) })
}

/// Returns when what was staged last was received, in Unix milliseconds.
pub fn result_ms() -> i64 {
    unsafe { abi::result_ms() }
}

/// A kind of signature.
#[derive(Clone, Copy)]
pub enum Algorithm {
    /// Key of 32 bytes, signature of 64.
    Ed25519 = 0,
    /// ECDSA over SHA-256: key of 33 or 65 bytes, signature r ‖ s of 64, low s.
    Secp256k1 = 1,
}

/// Says whether sig is a signature of message by key. Needs verify.
pub fn verify(algorithm: Algorithm, key: &[u8], sig: &[u8], message: &[u8]) -> Result<bool> {
    let n = unsafe {
        abi::verify(algorithm as i32, key.as_ptr(), key.len(), sig.as_ptr(), sig.len(), message.as_ptr(), message.len())
    };
    Ok(size(n)? == 1)
}

/// Stages what the module kept under key in an earlier round, and says its size; or ENOENT. Needs state.
pub fn state_get(key: &str) -> Result<usize> {
    size(unsafe { abi::state_get(key.as_ptr(), key.len()) })
}

/// Keeps a value under key for later rounds; an empty one deletes. Needs state.
pub fn state_put(key: &str, value: &[u8]) -> Result<()> {
    done(unsafe { abi::state_put(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// An open serial line.
pub struct Port(i32);

impl Port {
    /// Opens a serial line of the configuration by name. Needs serial.
    pub fn open(name: &str) -> Result<Port> {
        let n = unsafe { abi::serial_open(name.as_ptr(), name.len()) };
        done(n)?;
        Ok(Port(n))
    }

    /// Reads what has arrived, waiting at most timeout_ms for the first byte: ETIMEDOUT. 0 bytes are the end.
    pub fn read(&mut self, dst: &mut [u8], timeout_ms: i32) -> Result<usize> {
        size(unsafe { abi::serial_read(self.0, dst.as_mut_ptr(), dst.len(), timeout_ms) })
    }

    /// Writes b, at most 4,096 bytes a call, and says how many bytes were written.
    pub fn write(&mut self, b: &[u8]) -> Result<usize> {
        size(unsafe { abi::serial_write(self.0, b.as_ptr(), b.len()) })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        unsafe { abi::serial_close(self.0) };
    }
}
