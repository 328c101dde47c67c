;; Logs a kilobyte for ever.
(module
  (import "dodona_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32)
    (memory.fill (i32.const 0) (i32.const 0x78) (i32.const 1024))
    (loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 1024)) (br $again))
    (unreachable)))
