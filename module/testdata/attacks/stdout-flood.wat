;; Writes to standard output, standard error and descriptors that are not there, for ever.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 1024) "FLOOD FROM A GUEST\n")
  (func (export "dodona_run") (result i32) (local $fd i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 19))
    (loop $again
      (drop (call $write (i32.and (local.get $fd) (i32.const 7)) (i32.const 0) (i32.const 1) (i32.const 16)))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br $again))
    (unreachable)))
