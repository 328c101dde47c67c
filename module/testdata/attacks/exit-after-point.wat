;; Emits a point and ends itself with code 0.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "half")
  (func (export "dodona_run") (result i32)
    (drop (call $point (i32.const 0) (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)))
    (call $exit (i32.const 0))
    (i32.const 0)))
