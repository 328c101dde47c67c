;; Reads outside of its memory.
(module
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (i32.load offset=4294967295 (i32.const -1))))
