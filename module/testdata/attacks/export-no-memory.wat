;; Exports no memory for the host to read.
(module
  (memory 1 1)
  (func (export "dodona_run") (result i32) (i32.const 0)))
