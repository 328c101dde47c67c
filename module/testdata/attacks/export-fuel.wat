;; Exports a global of its own under the name by which the host reads the fuel.
(module
  (memory (export "memory") 1 1)
  (global (export "dodona:fuel") (mut i64) (i64.const 0x7fffffffffffffff))
  (func (export "dodona_run") (result i32) (loop $again (br $again)) (unreachable)))
