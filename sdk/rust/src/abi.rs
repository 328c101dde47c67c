//! The functions of spec/abi.md §3 and §4 as they are.

#[link(wasm_import_module = "dodona_v1")]
extern "C" {
    pub fn input_count() -> i32;
    pub fn input_size(i: i32) -> i32;
    pub fn input_read(i: i32, dst: *mut u8, off: usize, len: usize) -> i32;
    pub fn input_meta(i: i32, key: i32, dst: *mut u8, cap: usize) -> i32;
    pub fn input_json(i: i32, path: *const u8, len: usize, mantissa: *mut i64, exponent: *mut i32) -> i32;
    pub fn from_count() -> i32;
    pub fn from_id(i: i32, dst: *mut u8, cap: usize) -> i32;
    pub fn from_value(i: i32, mantissa: *mut i64, exponent: *mut i32, time: *mut i64) -> i32;
    pub fn point(id: *const u8, id_len: usize, mantissa: i64, exponent: i32, unit: *const u8, unit_len: usize, time: i64, quality: i32) -> i32;
    pub fn point_reason(text: *const u8, len: usize) -> i32;
    pub fn output_write(p: *const u8, len: usize) -> i32;
    pub fn param(name: *const u8, name_len: usize, dst: *mut u8, cap: usize) -> i32;
    pub fn fail(code: i32, text: *const u8, len: usize);
    pub fn log(level: i32, text: *const u8, len: usize);

    pub fn now_ms() -> i64;
    pub fn random(dst: *mut u8, len: usize) -> i32;
    pub fn http_get(url: *const u8, len: usize) -> i32;
    pub fn read_sensor(id: *const u8, len: usize) -> i32;
    pub fn result_read(dst: *mut u8, off: usize, len: usize) -> i32;
    pub fn result_ms() -> i64;
    pub fn verify(algorithm: i32, key: *const u8, key_len: usize, sig: *const u8, sig_len: usize, message: *const u8, message_len: usize) -> i32;
    pub fn state_get(key: *const u8, len: usize) -> i32;
    pub fn state_put(key: *const u8, len: usize, value: *const u8, value_len: usize) -> i32;
    pub fn serial_open(name: *const u8, len: usize) -> i32;
    pub fn serial_read(port: i32, dst: *mut u8, len: usize, timeout_ms: i32) -> i32;
    pub fn serial_write(port: i32, p: *const u8, len: usize) -> i32;
    pub fn serial_close(port: i32) -> i32;
}
