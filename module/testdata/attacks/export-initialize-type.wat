;; Its _initialize wants a parameter.
(module
  (memory (export "memory") 1 1)
  (func (export "_initialize") (param i32))
  (func (export "dodona_run") (result i32) (i32.const 0)))
