;; Its dodona_run is a memory.
(module (memory (export "memory") (export "dodona_run") 1 1))
