;; Leaves 4 KiB and then 60,000 bytes of output, over and over; the second is not taken.
(module
  (import "dodona_v1" "output_write" (func $write (param i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (local $i i32)
    (loop $again
      (drop (call $write (i32.const 0) (i32.const 4096)))
      (drop (call $write (i32.const 0) (i32.const 60000)))
      (drop (call $write (i32.const 0) (i32.const 4097)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 100))))
    (i32.const 0)))
