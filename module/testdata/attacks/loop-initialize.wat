;; Never returns from _initialize.
(module
  (memory (export "memory") 1 1)
  (func (export "_initialize") (loop $again (br $again)))
  (func (export "dodona_run") (result i32) (i32.const 0)))
