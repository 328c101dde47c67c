;; Grows its table for ever: 560 to 827 MiB in a second.
(module
  (memory (export "memory") 1 1)
  (table $t 1 funcref)
  (func (export "dodona_run") (result i32)
    (loop $again (drop (table.grow $t (ref.null func) (i32.const 65536))) (br $again))
    (unreachable)))
