;; Asks for the whole address space.
(module
  (memory (export "memory") 65536)
  (func (export "dodona_run") (result i32) (i32.const 0)))
