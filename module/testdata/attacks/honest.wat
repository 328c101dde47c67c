;; The honest module that every attack is measured against: it must answer alike before, during and after.
;; Point "honest" is twice /value of the first reading; it also counts to a thousand, so that fuel has something to say.
(module
  (import "dodona_v1" "input_json" (func $json (param i32 i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (import "dodona_v1" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "/value" "honest" "no value")
  (func $count (result i32) (local $i i32)
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))
    (local.get $i))
  (func (export "dodona_run") (result i32)
    (if (i32.ne (call $count) (i32.const 1000)) (then (return (i32.const 2))))
    (if (call $json (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 64) (i32.const 72))
      (then (call $fail (i32.const 1) (i32.const 12) (i32.const 8)) (return (i32.const 1))))
    (call $point (i32.const 6) (i32.const 6)
      (i64.mul (i64.load (i32.const 64)) (i64.const 2)) (i32.load (i32.const 72))
      (i32.const 0) (i32.const 0) (i64.const 1795348800000) (i32.const 0))))
