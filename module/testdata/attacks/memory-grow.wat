;; Grows until it may not, then asks on for ever.
(module
  (memory (export "memory") 1)
  (func (export "dodona_run") (result i32)
    (loop $again (drop (memory.grow (i32.const 1))) (br $again))
    (unreachable)))
