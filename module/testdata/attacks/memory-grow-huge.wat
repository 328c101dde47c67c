;; Asks for 2^32-1 pages, over and over: the price must not overflow.
(module
  (memory (export "memory") 1)
  (func (export "dodona_run") (result i32)
    (loop $again (drop (memory.grow (i32.const -1))) (br $again))
    (unreachable)))
