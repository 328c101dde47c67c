;; Ends itself at once with code 0, which looks like success.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (call $exit (i32.const 0)) (i32.const 0)))
