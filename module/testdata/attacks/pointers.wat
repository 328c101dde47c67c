;; Calls one function of the host with the arguments that the first reading holds: u32 little endian, first the number of
;; the function in the order of the imports, then its arguments. So a test tries every bad pointer with every function,
;; like the int32 overflow in the host's bounds check of chainlink-common 2142.
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
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (result i32)
    (if (i32.ne (call $input_read (i32.const 0) (i32.const 1024) (i32.const 0) (i32.const 40)) (i32.const 40))
      (then (return (i32.const 0))))
    (block $done
    (block $c43
    (block $c42
    (block $c41
    (block $c40
    (block $c39
    (block $c38
    (block $c37
    (block $c36
    (block $c35
    (block $c34
    (block $c33
    (block $c32
    (block $c31
    (block $c30
    (block $c29
    (block $c28
    (block $c27
    (block $c26
    (block $c25
    (block $c24
    (block $c23
    (block $c22
    (block $c21
    (block $c20
    (block $c19
    (block $c18
    (block $c17
    (block $c16
    (block $c15
    (block $c14
    (block $c13
    (block $c12
    (block $c11
    (block $c10
    (block $c9
    (block $c8
    (block $c7
    (block $c6
    (block $c5
    (block $c4
    (block $c3
    (block $c2
    (block $c1
    (block $c0
    (br_table $c0 $c1 $c2 $c3 $c4 $c5 $c6 $c7 $c8 $c9 $c10 $c11 $c12 $c13 $c14 $c15 $c16 $c17 $c18 $c19 $c20 $c21 $c22 $c23 $c24 $c25 $c26 $c27 $c28 $c29 $c30 $c31 $c32 $c33 $c34 $c35 $c36 $c37 $c38 $c39 $c40 $c41 $c42 $c43 $done (i32.load (i32.const 1024)))
    ) (drop (call $input_count)) (br $done)
    ) (drop (call $input_size (i32.load (i32.const 1028)))) (br $done)
    ) (drop (call $input_read (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $input_meta (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $input_json (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)))) (br $done)
    ) (drop (call $from_count)) (br $done)
    ) (drop (call $from_id (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)))) (br $done)
    ) (drop (call $from_value (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $point (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i64.load32_s (i32.const 1036)) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)) (i32.load (i32.const 1048)) (i64.load32_s (i32.const 1052)) (i32.load (i32.const 1056)))) (br $done)
    ) (drop (call $point_reason (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $output_write (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $param (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (call $fail (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036))) (br $done)
    ) (call $log (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036))) (br $done)
    ) (drop (call $now_ms)) (br $done)
    ) (drop (call $random (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $http_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $read_sensor (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $result_read (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)))) (br $done)
    ) (drop (call $result_ms)) (br $done)
    ) (drop (call $verify (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)) (i32.load (i32.const 1048)) (i32.load (i32.const 1052)))) (br $done)
    ) (drop (call $state_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $state_put (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $serial_open (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $serial_read (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $serial_write (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)))) (br $done)
    ) (drop (call $serial_close (i32.load (i32.const 1028)))) (br $done)
    ) (drop (call $args_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $args_sizes_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $environ_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $environ_sizes_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $clock_time_get (i32.load (i32.const 1028)) (i64.load32_s (i32.const 1032)) (i32.load (i32.const 1036)))) (br $done)
    ) (drop (call $clock_res_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $random_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $fd_write (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $fd_read (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $fd_fdstat_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $poll_oneoff (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done)
    ) (drop (call $fd_prestat_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)))) (br $done)
    ) (drop (call $fd_prestat_dir_name (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)))) (br $done)
    ) (drop (call $path_open (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)) (i64.load32_s (i32.const 1048)) (i64.load32_s (i32.const 1052)) (i32.load (i32.const 1056)) (i32.load (i32.const 1060)))) (br $done)
    ) (drop (call $path_filestat_get (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)))) (br $done)
    ) (drop (call $fd_readdir (i32.load (i32.const 1028)) (i32.load (i32.const 1032)) (i32.load (i32.const 1036)) (i64.load32_s (i32.const 1040)) (i32.load (i32.const 1044)))) (br $done)
    ) (drop (call $fd_seek (i32.load (i32.const 1028)) (i64.load32_s (i32.const 1032)) (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))) (br $done))
    (i32.const 0)))
