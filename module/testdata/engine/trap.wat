;; Writes over its memory, goes deep and traps there, but not in the warm-up.
(module
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  (func $dive (param $depth i32)
    (i32.store (i32.mul (local.get $depth) (i32.const 4)) (i32.const -1))
    (if (i32.eqz (local.get $depth)) (then (unreachable)))
    (call $dive (i32.sub (local.get $depth) (i32.const 1))))
  (func (export "dodona_run") (result i32)
    (if (i32.eq (global.get $runs) (i32.const 3)) (then (call $dive (i32.const 50))))
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.load (i32.const 0))))
