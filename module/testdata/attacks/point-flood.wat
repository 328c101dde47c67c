;; Emits points for ever.
(module
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "flood")
  (func (export "dodona_run") (result i32)
    (loop $again
      (drop (call $point (i32.const 0) (i32.const 5) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))
      (br $again))
    (unreachable)))
