;; Runs out of memory and ends itself with code 0 (seda-wasm-vm 5f6b8af).
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "dodona_run") (result i32)
    (loop $again
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (call $exit (i32.const 0))))
      (br $again))
    (unreachable)))
