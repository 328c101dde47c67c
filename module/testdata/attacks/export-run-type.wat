;; Its dodona_run wants a parameter and returns a float.
(module
  (memory (export "memory") 1 1)
  (func (export "dodona_run") (param i64) (result f64) (f64.const 0)))
