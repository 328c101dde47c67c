;; An element segment outside of its table.
(module
  (memory (export "memory") 1 1)
  (table 2 2 funcref)
  (elem (i32.const 2) $f)
  (func $f)
  (func (export "dodona_run") (result i32) (i32.const 0)))
