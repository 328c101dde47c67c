;; Two functions that call each other through a table.
(module
  (type $f (func (result i32)))
  (memory (export "memory") 1 1)
  (table 2 2 funcref)
  (elem (i32.const 0) $a $b)
  (func $a (type $f) (call_indirect (type $f) (i32.const 1)))
  (func $b (type $f) (call_indirect (type $f) (i32.const 0)))
  (func (export "dodona_run") (result i32) (call $a)))
