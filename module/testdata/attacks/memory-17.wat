;; Asks for one page more than it is allowed.
(module
  (memory (export "memory") 17)
  (func (export "dodona_run") (result i32) (i32.const 0)))
