;; Takes all that it is allowed in every event and fails on no limit: memory, log, fetches, readings, points, output,
;; and nine tenths of its fuel (chainlink 21442: "the most evil workflow").
(module
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (import "dodona_v1" "log" (func $log (param i32 i32 i32)))
  (import "dodona_v1" "output_write" (func $output (param i32 i32) (result i32)))
  (import "dodona_v1" "http_get" (func $get (param i32 i32) (result i32)))
  (import "dodona_v1" "read_sensor" (func $sensor (param i32 i32) (result i32)))
  (memory (export "memory") 1 16)
  (data (i32.const 0) "https://api.example/big" "ballast" "big")
  (func (export "dodona_run") (result i32) (local $i i32)
    (loop $grow (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.fill (i32.const 4096) (i32.const 0x62) (i32.const 1044480))
    (loop $log
      (call $log (i32.const 1) (i32.const 4096) (i32.const 512))
      (br_if $log (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
    (local.set $i (i32.const 0))
    (loop $get
      (drop (call $get (i32.const 0) (i32.const 23)))
      (br_if $get (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
    (local.set $i (i32.const 0))
    (loop $sensor
      (drop (call $sensor (i32.const 30) (i32.const 3)))
      (br_if $sensor (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))))
    (local.set $i (i32.const 0))
    (loop $points
      (drop (call $point (i32.const 23) (i32.const 7) (i64.extend_i32_u (local.get $i)) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))
      (br_if $points (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (drop (call $output (i32.const 4096) (i32.const 4096)))
    (local.set $i (i32.const 0))
    (loop $burn
      (br_if $burn (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
    (i32.const 0)))
