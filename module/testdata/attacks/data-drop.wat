;; Drops a segment, which no snapshot restores.
(module
  (memory (export "memory") 1 1)
  (data $d "secret")
  (func (export "dodona_run") (result i32)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 6))
    (data.drop $d)
    (i32.const 0)))
