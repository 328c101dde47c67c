;; Fails with a text of 60,000 bytes, a thousand times.
(module
  (import "dodona_v1" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (local $i i32)
    (memory.fill (i32.const 0) (i32.const 0x79) (i32.const 60000))
    (loop $again
      (call $fail (local.get $i) (i32.const 0) (i32.const 60000))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
    (i32.const 3)))
