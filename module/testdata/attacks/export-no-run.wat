;; Has nothing to call.
(module (memory (export "memory") 1 1))
