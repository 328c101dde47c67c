;; Passes on every point that the feed asks for, and marks as bad what is below zero.
(module
  (import "dodona_v1" "from_count" (func $from_count (result i32)))
  (import "dodona_v1" "from_id" (func $from_id (param i32 i32 i32) (result i32)))
  (import "dodona_v1" "from_value" (func $from_value (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (import "dodona_v1" "point_reason" (func $point_reason (param i32 i32) (result i32)))

  ;; 0: mantissa, i64. 8: exponent, i32. 16: time, i64. 64: id, at most 255 bytes.
  (memory (export "memory") 1)
  (data (i32.const 512) "it is below zero")

  (func (export "dodona_run") (result i32)
    (local $i i32)
    (loop $next
      (if (i32.lt_u (local.get $i) (call $from_count))
        (then
          (if (call $judge (local.get $i)) (then (return (i32.const 1))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))
    (i32.const 0))

  ;; judge makes the point of the i-th id that the feed asks for. Not 0: the host refuses it.
  (func $judge (param $i i32) (result i32)
    (local $length i32)
    (local $quality i32)
    (i64.store (i32.const 0) (i64.const 0))
    (i64.store (i32.const 16) (i64.const 0x8000000000000000)) ;; the time of the readings, where the value has none
    (local.set $length (call $from_id (local.get $i) (i32.const 64) (i32.const 256)))
    (local.set $quality (call $from_value (local.get $i) (i32.const 0) (i32.const 8) (i32.const 16)))
    (if (i32.lt_s (local.get $quality) (i32.const 0)) (then (return (i32.const 0)))) ;; there is none, or it does not fit
    (if (i64.lt_s (i64.load (i32.const 0)) (i64.const 0)) (then (local.set $quality (i32.const 2))))
    (if (call $point
          (i32.const 64) (local.get $length)
          (i64.load (i32.const 0)) (i32.load (i32.const 8))
          (i32.const 0) (i32.const 0) ;; no unit
          (i64.load (i32.const 16)) (local.get $quality))
      (then (return (i32.const 1))))
    (if (i64.lt_s (i64.load (i32.const 0)) (i64.const 0))
      (then (return (call $point_reason (i32.const 512) (i32.const 16)))))
    (i32.const 0)))
