;; Calls itself for ever: 168 MiB of stack in an unprotected wazero.
(module
  (memory (export "memory") 1 1)
  (func $down (result i32) (call $down))
  (func (export "dodona_run") (result i32) (call $down)))
