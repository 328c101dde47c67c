// The functions of spec/abi.md §3 and §4 as they are.

@external("dodona_v1", "input_count") export declare function input_count(): i32;
@external("dodona_v1", "input_size") export declare function input_size(i: i32): i32;
@external("dodona_v1", "input_read") export declare function input_read(i: i32, dst: usize, off: i32, len: i32): i32;
@external("dodona_v1", "input_meta") export declare function input_meta(i: i32, key: i32, dst: usize, cap: i32): i32;
@external("dodona_v1", "input_json") export declare function input_json(i: i32, path: usize, len: i32, mantissa: usize, exponent: usize): i32;
@external("dodona_v1", "from_count") export declare function from_count(): i32;
@external("dodona_v1", "from_id") export declare function from_id(i: i32, dst: usize, cap: i32): i32;
@external("dodona_v1", "from_value") export declare function from_value(i: i32, mantissa: usize, exponent: usize, time: usize): i32;
@external("dodona_v1", "point") export declare function point(id: usize, idLen: i32, mantissa: i64, exponent: i32, unit: usize, unitLen: i32, time: i64, quality: i32): i32;
@external("dodona_v1", "point_reason") export declare function point_reason(text: usize, len: i32): i32;
@external("dodona_v1", "output_write") export declare function output_write(p: usize, len: i32): i32;
@external("dodona_v1", "param") export declare function param(name: usize, nameLen: i32, dst: usize, cap: i32): i32;
@external("dodona_v1", "fail") export declare function fail(code: i32, text: usize, len: i32): void;
@external("dodona_v1", "log") export declare function log(level: i32, text: usize, len: i32): void;

@external("dodona_v1", "now_ms") export declare function now_ms(): i64;
@external("dodona_v1", "random") export declare function random(dst: usize, len: i32): i32;
@external("dodona_v1", "http_get") export declare function http_get(url: usize, len: i32): i32;
@external("dodona_v1", "read_sensor") export declare function read_sensor(id: usize, len: i32): i32;
@external("dodona_v1", "result_read") export declare function result_read(dst: usize, off: i32, len: i32): i32;
@external("dodona_v1", "result_ms") export declare function result_ms(): i64;
@external("dodona_v1", "verify") export declare function verify(algorithm: i32, key: usize, keyLen: i32, sig: usize, sigLen: i32, message: usize, messageLen: i32): i32;
@external("dodona_v1", "state_get") export declare function state_get(key: usize, len: i32): i32;
@external("dodona_v1", "state_put") export declare function state_put(key: usize, len: i32, value: usize, valueLen: i32): i32;
@external("dodona_v1", "serial_open") export declare function serial_open(name: usize, len: i32): i32;
@external("dodona_v1", "serial_read") export declare function serial_read(port: i32, dst: usize, len: i32, timeoutMs: i32): i32;
@external("dodona_v1", "serial_write") export declare function serial_write(port: i32, p: usize, len: i32): i32;
@external("dodona_v1", "serial_close") export declare function serial_close(port: i32): i32;
