;; Fetches and reads whatever it may, 200 times each, and copies every result.
(module
  (import "dodona_v1" "http_get" (func $get (param i32 i32) (result i32)))
  (import "dodona_v1" "read_sensor" (func $sensor (param i32 i32) (result i32)))
  (import "dodona_v1" "result_read" (func $read (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 0) "https://api.example/big")
  (data (i32.const 64) "big")
  (func (export "dodona_run") (result i32) (local $i i32)
    (loop $again
      (drop (call $get (i32.const 0) (i32.const 23)))
      (drop (call $read (i32.const 1024) (i32.const 0) (i32.const 65536)))
      (drop (call $sensor (i32.const 64) (i32.const 3)))
      (drop (call $read (i32.const 1024) (i32.const 0) (i32.const 65536)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 200))))
    (i32.const 0)))
