;; A data segment at the end of a memory that it does not fit into.
(module
  (memory (export "memory") 1 1)
  (data (i32.const 65530) "0123456789")
  (func (export "dodona_run") (result i32) (i32.const 0)))
