;; An element segment outside of its table. wazero leaves it out, with the compiler and without; it must not be loaded.
(module
  (type $t (func (result i32)))
  (memory (export "memory") 1 1)
  (table 2 2 funcref)
  (elem (i32.const 2) $f)
  (func $f (result i32) (i32.const 0))
  (func (export "dodona_run") (result i32) (call_indirect (type $t) (i32.const 2))))
