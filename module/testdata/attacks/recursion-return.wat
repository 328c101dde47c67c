;; Recursion that leaves every frame by br, br_if and return from within blocks: the depth must come back to where it
;; was, or the second of the two descents would be refused.
(module
  (memory (export "memory") 1 1)
  (func $down (param i32) (result i32)
    (block $out (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
      (block (br_if 0 (i32.and (local.get 0) (i32.const 1)))
        (return (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (br $out (call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "dodona_run") (result i32) (local $i i32)
    (loop $again
      (drop (call $down (i32.const 200)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 100))))
    (i32.const 0)))
