;; Traps in a function that has a name.
(module
  (memory (export "memory") 1 1)
  (func $scale_pressure (unreachable))
  (func (export "dodona_run") (result i32) (call $scale_pressure) (i32.const 0)))
