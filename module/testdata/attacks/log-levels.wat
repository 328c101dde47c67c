;; Logs with levels that there are not (chainlink-common 2292: "fatal" ended the host), text that moves a terminal's
;; cursor, NUL, and bytes that are no UTF-8.
(module
  (import "dodona_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "\1b[2J\00\07\0d\0aforged line\ff\fe")
  (func (export "dodona_run") (result i32)
    (call $log (i32.const -1) (i32.const 0) (i32.const 21))
    (call $log (i32.const 4) (i32.const 0) (i32.const 21))
    (call $log (i32.const 5) (i32.const 0) (i32.const 21))
    (call $log (i32.const 2147483647) (i32.const 0) (i32.const 21))
    (call $log (i32.const -2147483648) (i32.const 0) (i32.const 21))
    (call $log (i32.const 0) (i32.const 0) (i32.const 21))
    (i32.const 0)))
