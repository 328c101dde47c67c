;; A table of 2^27 functions: 1 GiB, and the end of a process on a 32-bit machine.
(module
  (memory (export "memory") 1 1)
  (table 134217728 funcref)
  (func (export "dodona_run") (result i32) (i32.const 0)))
