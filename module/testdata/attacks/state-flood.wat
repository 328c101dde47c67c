;; Keeps more keys, longer ones and larger values than it may; it fails with how many were taken.
(module
  (import "dodona_v1" "state_put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "state_get" (func $get (param i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32) (local $i i32) (local $taken i32)
    (loop $again
      (i32.store (i32.const 0) (i32.add (local.get $i) (i32.const 0x61616161)))
      (if (i32.eqz (call $put (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 200)))
        (then (local.set $taken (i32.add (local.get $taken) (i32.const 1)))))
      (drop (call $put (i32.const 0) (i32.const 60000) (i32.const 0) (i32.const 1)))
      (drop (call $put (i32.const 0) (i32.const 65) (i32.const 0) (i32.const 1)))
      (drop (call $put (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 60000)))
      (drop (call $put (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)))
      (drop (call $get (i32.const 0) (i32.const 60000)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 100))))
    (local.get $taken)))
