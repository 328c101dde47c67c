;; Changes its table, which no snapshot restores: the next event would see it.
(module
  (memory (export "memory") 1 1)
  (table $t 2 2 funcref)
  (func $evil)
  (elem declare func $evil)
  (func (export "dodona_run") (result i32)
    (table.set $t (i32.const 0) (ref.func $evil))
    (i32.const 0)))
