;; Fills a MiB in each turn of a loop that has hardly an instruction.
(module
  (memory (export "memory") 16 16)
  (func (export "dodona_run") (result i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576))
      (br $again))
    (unreachable)))
