;; Calls the core functions and all capabilities as its input says.
;; The body of the first reading is a script: the magic number "DSCR", the number of calls (u32), the i32 that dodona_run
;; returns, and 4 bytes of nothing; then 80 bytes for each call: the index of the import (u32), 4 bytes of nothing, and
;; nine arguments of 8 bytes. The body lies in memory from 4096 on; the results, 8 bytes each, from 65536 on.
;; An event whose first reading is no script is answered without points.
(module
  (import "dodona_v1" "input_count" (func $input_count (result i32)))
  (import "dodona_v1" "input_size" (func $input_size (param i32) (result i32)))
  (import "dodona_v1" "input_read" (func $input_read (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "input_meta" (func $input_meta (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "input_json" (func $input_json (param i32 i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "from_count" (func $from_count (result i32)))
  (import "dodona_v1" "from_id" (func $from_id (param i32 i32 i32) (result i32)))
  (import "dodona_v1" "from_value" (func $from_value (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "point" (func $point (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (import "dodona_v1" "point_reason" (func $point_reason (param i32 i32) (result i32)))
  (import "dodona_v1" "output_write" (func $output_write (param i32 i32) (result i32)))
  (import "dodona_v1" "param" (func $param (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "fail" (func $fail (param i32 i32 i32)))
  (import "dodona_v1" "log" (func $log (param i32 i32 i32)))
  (import "dodona_v1" "now_ms" (func $now_ms (result i64)))
  (import "dodona_v1" "random" (func $random (param i32 i32) (result i32)))
  (import "dodona_v1" "http_get" (func $http_get (param i32 i32) (result i32)))
  (import "dodona_v1" "read_sensor" (func $read_sensor (param i32 i32) (result i32)))
  (import "dodona_v1" "result_read" (func $result_read (param i32 i32 i32) (result i32)))
  (import "dodona_v1" "result_ms" (func $result_ms (result i64)))
  (import "dodona_v1" "verify" (func $verify (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "state_get" (func $state_get (param i32 i32) (result i32)))
  (import "dodona_v1" "state_put" (func $state_put (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "serial_open" (func $serial_open (param i32 i32) (result i32)))
  (import "dodona_v1" "serial_read" (func $serial_read (param i32 i32 i32 i32) (result i32)))
  (import "dodona_v1" "serial_write" (func $serial_write (param i32 i32 i32) (result i32)))
  (import "dodona_v1" "serial_close" (func $serial_close (param i32) (result i32)))
  (memory (export "memory") 2 2)

  ;; call makes the call at r and returns its result.
  (func $call (param $r i32) (result i64)
    block $f27
    block $f26
    block $f25
    block $f24
    block $f23
    block $f22
    block $f21
    block $f20
    block $f19
    block $f18
    block $f17
    block $f16
    block $f15
    block $f14
    block $f13
    block $f12
    block $f11
    block $f10
    block $f9
    block $f8
    block $f7
    block $f6
    block $f5
    block $f4
    block $f3
    block $f2
    block $f1
    block $f0
    local.get $r i32.load
    br_table $f0 $f1 $f2 $f3 $f4 $f5 $f6 $f7 $f8 $f9 $f10 $f11 $f12 $f13 $f14 $f15 $f16 $f17 $f18 $f19 $f20 $f21 $f22 $f23 $f24 $f25 $f26 $f27
    end ;; input_count
    call $input_count
    i64.extend_i32_s
    return
    end ;; input_size
    local.get $r i64.load offset=8 i32.wrap_i64
    call $input_size
    i64.extend_i32_s
    return
    end ;; input_read
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $input_read
    i64.extend_i32_s
    return
    end ;; input_meta
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $input_meta
    i64.extend_i32_s
    return
    end ;; input_json
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    local.get $r i64.load offset=40 i32.wrap_i64
    call $input_json
    i64.extend_i32_s
    return
    end ;; from_count
    call $from_count
    i64.extend_i32_s
    return
    end ;; from_id
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    call $from_id
    i64.extend_i32_s
    return
    end ;; from_value
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $from_value
    i64.extend_i32_s
    return
    end ;; point
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24
    local.get $r i64.load offset=32 i32.wrap_i64
    local.get $r i64.load offset=40 i32.wrap_i64
    local.get $r i64.load offset=48 i32.wrap_i64
    local.get $r i64.load offset=56
    local.get $r i64.load offset=64 i32.wrap_i64
    call $point
    i64.extend_i32_s
    return
    end ;; point_reason
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $point_reason
    i64.extend_i32_s
    return
    end ;; output_write
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $output_write
    i64.extend_i32_s
    return
    end ;; param
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $param
    i64.extend_i32_s
    return
    end ;; fail
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    call $fail
    i64.const 0
    return
    end ;; log
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    call $log
    i64.const 0
    return
    end ;; now_ms
    call $now_ms
    return
    end ;; random
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $random
    i64.extend_i32_s
    return
    end ;; http_get
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $http_get
    i64.extend_i32_s
    return
    end ;; read_sensor
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $read_sensor
    i64.extend_i32_s
    return
    end ;; result_read
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    call $result_read
    i64.extend_i32_s
    return
    end ;; result_ms
    call $result_ms
    return
    end ;; verify
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    local.get $r i64.load offset=40 i32.wrap_i64
    local.get $r i64.load offset=48 i32.wrap_i64
    local.get $r i64.load offset=56 i32.wrap_i64
    call $verify
    i64.extend_i32_s
    return
    end ;; state_get
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $state_get
    i64.extend_i32_s
    return
    end ;; state_put
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $state_put
    i64.extend_i32_s
    return
    end ;; serial_open
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    call $serial_open
    i64.extend_i32_s
    return
    end ;; serial_read
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    local.get $r i64.load offset=32 i32.wrap_i64
    call $serial_read
    i64.extend_i32_s
    return
    end ;; serial_write
    local.get $r i64.load offset=8 i32.wrap_i64
    local.get $r i64.load offset=16 i32.wrap_i64
    local.get $r i64.load offset=24 i32.wrap_i64
    call $serial_write
    i64.extend_i32_s
    return
    end ;; serial_close
    local.get $r i64.load offset=8 i32.wrap_i64
    call $serial_close
    i64.extend_i32_s
    return
    end
    unreachable)

  (func (export "dodona_run") (result i32)
    (local $i i32)
    i32.const 0 i32.const 4096 i32.const 0 i32.const 61440 call $input_read drop
    (if (i32.ne (i32.load (i32.const 4096)) (i32.const 0x52435344)) (then (return (i32.const 0))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (i32.load (i32.const 4100))))
        (i64.store
          (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8)))
          (call $call (i32.add (i32.const 4112) (i32.mul (local.get $i) (i32.const 80)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.load (i32.const 4104))))
