;; Wants somebody else's memory.
(module
  (import "other" "memory" (memory 1))
  (export "memory" (memory 0))
  (func (export "dodona_run") (result i32) (i32.const 0)))
