;; 2^60 calls without a loop and only 60 deep: wazero's own time limit never sees it.
(module
  (memory (export "memory") 1 1)
  (func $twice (param i32)
    (if (local.get 0) (then
      (call $twice (i32.sub (local.get 0) (i32.const 1)))
      (call $twice (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "dodona_run") (result i32) (call $twice (i32.const 60)) (i32.const 0)))
