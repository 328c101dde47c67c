;; Emits 3,000 points that have one name and fails with how many were taken.
(module
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (import "dodona_v1" "point_reason" (func $reason (param i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "flood")
  (func (export "dodona_run") (result i32) (local $i i32) (local $taken i32)
    (loop $again
      (if (i32.eqz (call $point (i32.const 0) (i32.const 5) (i64.extend_i32_u (local.get $i)) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))
        (then (local.set $taken (i32.add (local.get $taken) (i32.const 1)))))
      (drop (call $reason (i32.const 4096) (i32.const 256)))
      (drop (call $reason (i32.const 4096) (i32.const 2000)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 3000))))
    (local.get $taken)))
