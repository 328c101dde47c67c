;; Calls what its table does not hold.
(module
  (type $f (func (result i32)))
  (memory (export "memory") 1 1)
  (table 1 1 funcref)
  (func (export "dodona_run") (result i32) (call_indirect (type $f) (i32.const 7))))
