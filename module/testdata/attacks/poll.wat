;; poll_oneoff with the number of subscriptions in the first reading (chainlink-common 2092, 2152, 2299); it fails with
;; the errno, or with 99 if the call succeeded.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "input_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (local $errno i32)
    (drop (call $read (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 4)))
    (local.set $errno (call $poll (i32.const 64) (i32.const 4096) (i32.load (i32.const 16)) (i32.const 32)))
    (select (local.get $errno) (i32.const 99) (local.get $errno))))
