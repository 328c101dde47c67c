(module
  (type (;0;) (func (param i32 i32) (result i32)))
  (type (;1;) (func (param i32 i32)))
  (type (;2;) (func (param i32) (result i32)))
  (type (;3;) (func (param i32 i32 i64)))
  (type (;4;) (func))
  (type (;5;) (func (param i32 i32 i32 i32) (result i32)))
  (type (;6;) (func (result i32)))
  (import "dodona_v1" "input_read" (func (;0;) (type 5)))
  (func (;1;) (type 0) (param i32 i32) (result i32)
    (local i32 i32)
    local.get 0
    i32.const 1073741804
    i32.gt_u
    if  ;; label = @1
      unreachable
    end
    global.get 0
    i32.eqz
    if  ;; label = @1
      memory.size
      local.tee 3
      i32.const 0
      i32.le_s
      if (result i32)  ;; label = @2
        i32.const 1
        local.get 3
        i32.sub
        memory.grow
        i32.const 0
        i32.lt_s
      else
        i32.const 0
      end
      if  ;; label = @2
        unreachable
      end
      i32.const 144
      i32.const 0
      i32.store
      i32.const 1712
      i32.const 0
      i32.store
      loop  ;; label = @2
        local.get 2
        i32.const 23
        i32.lt_u
        if  ;; label = @3
          local.get 2
          i32.const 2
          i32.shl
          i32.const 144
          i32.add
          i32.const 0
          i32.store offset=4
          i32.const 0
          local.set 3
          loop  ;; label = @4
            local.get 3
            i32.const 16
            i32.lt_u
            if  ;; label = @5
              local.get 2
              i32.const 4
              i32.shl
              local.get 3
              i32.add
              i32.const 2
              i32.shl
              i32.const 144
              i32.add
              i32.const 0
              i32.store offset=96
              local.get 3
              i32.const 1
              i32.add
              local.set 3
              br 1 (;@4;)
            end
          end
          local.get 2
          i32.const 1
          i32.add
          local.set 2
          br 1 (;@2;)
        end
      end
      i32.const 144
      i32.const 1716
      memory.size
      i64.extend_i32_s
      i64.const 16
      i64.shl
      call 6
      i32.const 144
      global.set 0
    end
    global.get 0
    local.get 0
    i32.const 16
    i32.add
    call 8
    local.tee 2
    local.get 1
    i32.store offset=12
    local.get 2
    local.get 0
    i32.store offset=16
    global.get 1
    local.tee 0
    i32.load offset=8
    local.set 1
    local.get 2
    local.get 0
    i32.store offset=4
    local.get 2
    local.get 1
    i32.store offset=8
    local.get 1
    local.get 2
    local.get 1
    i32.load offset=4
    i32.const 3
    i32.and
    i32.or
    i32.store offset=4
    local.get 0
    local.get 2
    i32.store offset=8
    global.get 2
    local.get 2
    i32.load
    i32.const -4
    i32.and
    i32.const 4
    i32.add
    i32.add
    global.set 2
    local.get 2
    i32.const 20
    i32.add)
  (func (;2;) (type 1) (param i32 i32)
    (local i32 i32 i32 i32)
    local.get 1
    i32.load
    local.tee 3
    i32.const 1
    i32.and
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 3
    i32.const -4
    i32.and
    local.tee 3
    i32.const 12
    i32.lt_u
    if  ;; label = @1
      unreachable
    end
    local.get 3
    i32.const 256
    i32.lt_u
    if (result i32)  ;; label = @1
      local.get 3
      i32.const 4
      i32.shr_u
    else
      i32.const 31
      i32.const 1073741820
      local.get 3
      local.get 3
      i32.const 1073741820
      i32.ge_u
      select
      local.tee 3
      i32.clz
      i32.sub
      local.tee 4
      i32.const 7
      i32.sub
      local.set 2
      local.get 3
      local.get 4
      i32.const 4
      i32.sub
      i32.shr_u
      i32.const 16
      i32.xor
    end
    local.tee 3
    i32.const 16
    i32.lt_u
    local.get 2
    i32.const 23
    i32.lt_u
    i32.and
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 1
    i32.load offset=8
    local.set 5
    local.get 1
    i32.load offset=4
    local.tee 4
    if  ;; label = @1
      local.get 4
      local.get 5
      i32.store offset=8
    end
    local.get 5
    if  ;; label = @1
      local.get 5
      local.get 4
      i32.store offset=4
    end
    local.get 1
    local.get 0
    local.get 2
    i32.const 4
    i32.shl
    local.get 3
    i32.add
    i32.const 2
    i32.shl
    i32.add
    local.tee 1
    i32.load offset=96
    i32.eq
    if  ;; label = @1
      local.get 1
      local.get 5
      i32.store offset=96
      local.get 5
      i32.eqz
      if  ;; label = @2
        local.get 0
        local.get 2
        i32.const 2
        i32.shl
        i32.add
        local.tee 1
        i32.load offset=4
        i32.const -2
        local.get 3
        i32.rotl
        i32.and
        local.set 3
        local.get 1
        local.get 3
        i32.store offset=4
        local.get 3
        i32.eqz
        if  ;; label = @3
          local.get 0
          local.get 0
          i32.load
          i32.const -2
          local.get 2
          i32.rotl
          i32.and
          i32.store
        end
      end
    end)
  (func (;3;) (type 0) (param i32 i32) (result i32)
    (local i32 i32)
    local.get 1
    i32.const 256
    i32.lt_u
    if (result i32)  ;; label = @1
      local.get 1
      i32.const 4
      i32.shr_u
    else
      i32.const 31
      local.get 1
      call 4
      local.tee 1
      i32.clz
      i32.sub
      local.tee 3
      i32.const 7
      i32.sub
      local.set 2
      local.get 1
      local.get 3
      i32.const 4
      i32.sub
      i32.shr_u
      i32.const 16
      i32.xor
    end
    local.tee 1
    i32.const 16
    i32.lt_u
    local.get 2
    i32.const 23
    i32.lt_u
    i32.and
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 0
    local.get 2
    i32.const 2
    i32.shl
    i32.add
    i32.load offset=4
    i32.const -1
    local.get 1
    i32.shl
    i32.and
    local.tee 1
    if (result i32)  ;; label = @1
      local.get 0
      local.get 1
      i32.ctz
      local.get 2
      i32.const 4
      i32.shl
      i32.add
      i32.const 2
      i32.shl
      i32.add
      i32.load offset=96
    else
      local.get 0
      i32.load
      i32.const -1
      local.get 2
      i32.const 1
      i32.add
      i32.shl
      i32.and
      local.tee 1
      if (result i32)  ;; label = @2
        local.get 0
        local.get 1
        i32.ctz
        local.tee 1
        i32.const 2
        i32.shl
        i32.add
        i32.load offset=4
        local.tee 2
        i32.eqz
        if  ;; label = @3
          unreachable
        end
        local.get 0
        local.get 2
        i32.ctz
        local.get 1
        i32.const 4
        i32.shl
        i32.add
        i32.const 2
        i32.shl
        i32.add
        i32.load offset=96
      else
        i32.const 0
      end
    end)
  (func (;4;) (type 2) (param i32) (result i32)
    local.get 0
    i32.const 1
    i32.const 27
    local.get 0
    i32.clz
    i32.sub
    i32.shl
    i32.add
    i32.const 1
    i32.sub
    local.get 0
    local.get 0
    i32.const 536870910
    i32.lt_u
    select)
  (func (;5;) (type 1) (param i32 i32)
    (local i32 i32 i32 i32 i32)
    local.get 1
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 1
    i32.load
    local.tee 3
    i32.const 1
    i32.and
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 1
    i32.const 4
    i32.add
    local.get 1
    i32.load
    i32.const -4
    i32.and
    i32.add
    local.tee 4
    i32.load
    local.tee 2
    i32.const 1
    i32.and
    if  ;; label = @1
      local.get 0
      local.get 4
      call 2
      local.get 1
      local.get 3
      i32.const 4
      i32.add
      local.get 2
      i32.const -4
      i32.and
      i32.add
      local.tee 3
      i32.store
      local.get 1
      i32.const 4
      i32.add
      local.get 1
      i32.load
      i32.const -4
      i32.and
      i32.add
      local.tee 4
      i32.load
      local.set 2
    end
    local.get 3
    i32.const 2
    i32.and
    if  ;; label = @1
      local.get 1
      i32.const 4
      i32.sub
      i32.load
      local.tee 1
      i32.load
      local.tee 6
      i32.const 1
      i32.and
      i32.eqz
      if  ;; label = @2
        unreachable
      end
      local.get 0
      local.get 1
      call 2
      local.get 1
      local.get 6
      i32.const 4
      i32.add
      local.get 3
      i32.const -4
      i32.and
      i32.add
      local.tee 3
      i32.store
    end
    local.get 4
    local.get 2
    i32.const 2
    i32.or
    i32.store
    local.get 3
    i32.const -4
    i32.and
    local.tee 2
    i32.const 12
    i32.lt_u
    if  ;; label = @1
      unreachable
    end
    local.get 4
    local.get 1
    i32.const 4
    i32.add
    local.get 2
    i32.add
    i32.ne
    if  ;; label = @1
      unreachable
    end
    local.get 4
    i32.const 4
    i32.sub
    local.get 1
    i32.store
    local.get 2
    i32.const 256
    i32.lt_u
    if (result i32)  ;; label = @1
      local.get 2
      i32.const 4
      i32.shr_u
    else
      i32.const 31
      i32.const 1073741820
      local.get 2
      local.get 2
      i32.const 1073741820
      i32.ge_u
      select
      local.tee 2
      i32.clz
      i32.sub
      local.tee 3
      i32.const 7
      i32.sub
      local.set 5
      local.get 2
      local.get 3
      i32.const 4
      i32.sub
      i32.shr_u
      i32.const 16
      i32.xor
    end
    local.tee 2
    i32.const 16
    i32.lt_u
    local.get 5
    i32.const 23
    i32.lt_u
    i32.and
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 0
    local.get 5
    i32.const 4
    i32.shl
    local.get 2
    i32.add
    i32.const 2
    i32.shl
    i32.add
    i32.load offset=96
    local.set 3
    local.get 1
    i32.const 0
    i32.store offset=4
    local.get 1
    local.get 3
    i32.store offset=8
    local.get 3
    if  ;; label = @1
      local.get 3
      local.get 1
      i32.store offset=4
    end
    local.get 0
    local.get 5
    i32.const 4
    i32.shl
    local.get 2
    i32.add
    i32.const 2
    i32.shl
    i32.add
    local.get 1
    i32.store offset=96
    local.get 0
    local.get 0
    i32.load
    i32.const 1
    local.get 5
    i32.shl
    i32.or
    i32.store
    local.get 0
    local.get 5
    i32.const 2
    i32.shl
    i32.add
    local.tee 0
    local.get 0
    i32.load offset=4
    i32.const 1
    local.get 2
    i32.shl
    i32.or
    i32.store offset=4)
  (func (;6;) (type 3) (param i32 i32 i64)
    (local i32 i32 i32)
    local.get 2
    local.get 1
    i64.extend_i32_u
    i64.lt_u
    if  ;; label = @1
      unreachable
    end
    local.get 1
    i32.const 19
    i32.add
    i32.const -16
    i32.and
    i32.const 4
    i32.sub
    local.set 1
    local.get 0
    i32.load offset=1568
    local.tee 3
    if  ;; label = @1
      local.get 3
      i32.const 4
      i32.add
      local.get 1
      i32.gt_u
      if  ;; label = @2
        unreachable
      end
      local.get 3
      local.get 1
      i32.const 16
      i32.sub
      local.tee 5
      i32.eq
      if  ;; label = @2
        local.get 3
        i32.load
        local.set 4
        local.get 5
        local.set 1
      end
    else
      local.get 0
      i32.const 1572
      i32.add
      local.get 1
      i32.gt_u
      if  ;; label = @2
        unreachable
      end
    end
    local.get 2
    i32.wrap_i64
    i32.const -16
    i32.and
    local.get 1
    i32.sub
    local.tee 3
    i32.const 20
    i32.lt_u
    if  ;; label = @1
      return
    end
    local.get 1
    local.get 4
    i32.const 2
    i32.and
    local.get 3
    i32.const 8
    i32.sub
    local.tee 3
    i32.const 1
    i32.or
    i32.or
    i32.store
    local.get 1
    i32.const 0
    i32.store offset=4
    local.get 1
    i32.const 0
    i32.store offset=8
    local.get 1
    i32.const 4
    i32.add
    local.get 3
    i32.add
    local.tee 3
    i32.const 2
    i32.store
    local.get 0
    local.get 3
    i32.store offset=1568
    local.get 0
    local.get 1
    call 5)
  (func (;7;) (type 4)
    i32.const 20
    i32.const 16
    i32.store
    i32.const 24
    i32.const 16
    i32.store
    i32.const 16
    global.set 1)
  (func (;8;) (type 0) (param i32 i32) (result i32)
    (local i32 i32 i32)
    local.get 1
    i32.const 1073741820
    i32.gt_u
    if  ;; label = @1
      unreachable
    end
    local.get 0
    i32.const 12
    local.get 1
    i32.const 19
    i32.add
    i32.const -16
    i32.and
    i32.const 4
    i32.sub
    local.get 1
    i32.const 12
    i32.le_u
    select
    local.tee 3
    call 3
    local.tee 1
    i32.eqz
    if  ;; label = @1
      i32.const 4
      local.get 0
      i32.load offset=1568
      memory.size
      local.tee 1
      i32.const 16
      i32.shl
      i32.const 4
      i32.sub
      i32.ne
      i32.shl
      local.get 3
      call 4
      local.get 3
      local.get 3
      i32.const 256
      i32.ge_u
      select
      i32.add
      i32.const 65535
      i32.add
      i32.const -65536
      i32.and
      i32.const 16
      i32.shr_u
      local.set 2
      local.get 1
      local.get 2
      local.get 1
      local.get 2
      i32.gt_s
      select
      memory.grow
      i32.const 0
      i32.lt_s
      if  ;; label = @2
        local.get 2
        memory.grow
        i32.const 0
        i32.lt_s
        if  ;; label = @3
          unreachable
        end
      end
      local.get 0
      local.get 1
      i32.const 16
      i32.shl
      memory.size
      i64.extend_i32_s
      i64.const 16
      i64.shl
      call 6
      local.get 0
      local.get 3
      call 3
      local.tee 1
      i32.eqz
      if  ;; label = @2
        unreachable
      end
    end
    local.get 3
    local.get 1
    i32.load
    i32.const -4
    i32.and
    i32.gt_u
    if  ;; label = @1
      unreachable
    end
    local.get 0
    local.get 1
    call 2
    local.get 1
    i32.load
    local.set 4
    local.get 3
    i32.const 4
    i32.add
    i32.const 15
    i32.and
    if  ;; label = @1
      unreachable
    end
    local.get 4
    i32.const -4
    i32.and
    local.get 3
    i32.sub
    local.tee 2
    i32.const 16
    i32.ge_u
    if  ;; label = @1
      local.get 1
      local.get 3
      local.get 4
      i32.const 2
      i32.and
      i32.or
      i32.store
      local.get 1
      i32.const 4
      i32.add
      local.get 3
      i32.add
      local.tee 3
      local.get 2
      i32.const 4
      i32.sub
      i32.const 1
      i32.or
      i32.store
      local.get 0
      local.get 3
      call 5
    else
      local.get 1
      local.get 4
      i32.const -2
      i32.and
      i32.store
      local.get 1
      i32.const 4
      i32.add
      local.get 1
      i32.load
      i32.const -4
      i32.and
      i32.add
      local.tee 0
      local.get 0
      i32.load
      i32.const -3
      i32.and
      i32.store
    end
    local.get 1)
  (func (;9;) (type 6) (result i32)
    (local i32 i32 i32 i32 i32 f64)
    i32.const 64
    i32.const 4
    call 1
    local.tee 2
    i32.const 0
    i32.const 64
    memory.fill
    i32.const 0
    local.get 2
    i32.const 0
    i32.const 64
    call 0
    local.set 3
    loop  ;; label = @1
      local.get 3
      local.get 4
      i32.gt_s
      if  ;; label = @2
        i32.const 12
        i32.const 5
        call 1
        local.tee 0
        i32.eqz
        if  ;; label = @3
          i32.const 0
          i32.const 0
          call 1
          local.set 0
        end
        local.get 0
        f64.const 0x1p+0 (;=1;)
        f64.store
        local.get 0
        i32.const 0
        i32.store offset=8
        local.get 4
        local.get 2
        i32.const 20
        i32.sub
        i32.load offset=16
        i32.ge_u
        if  ;; label = @3
          unreachable
        end
        local.get 0
        local.get 2
        local.get 4
        i32.add
        i32.load8_u
        f64.convert_i32_u
        f64.const 0x1.8p+1 (;=3;)
        f64.div
        f64.store
        local.get 0
        local.get 1
        i32.store offset=8
        local.get 0
        local.set 1
        local.get 4
        i32.const 1
        i32.add
        local.set 4
        br 1 (;@1;)
      end
    end
    loop  ;; label = @1
      local.get 1
      if  ;; label = @2
        local.get 5
        local.get 1
        f64.load
        f64.sqrt
        f64.add
        local.set 5
        local.get 1
        i32.load offset=8
        local.set 1
        br 1 (;@1;)
      end
    end
    i32.const 8
    i32.const 1
    call 1
    local.tee 0
    i32.const 128
    i64.load align=1
    i64.store align=1
    i32.const 16
    i32.const 6
    call 1
    local.tee 1
    local.get 0
    i32.store
    local.get 1
    local.get 0
    i32.store offset=4
    local.get 1
    i32.const 8
    i32.store offset=8
    local.get 1
    i32.const 2
    i32.store offset=12
    local.get 3
    i32.const 1
    i32.and
    local.tee 0
    local.get 1
    i32.load offset=12
    i32.ge_u
    if  ;; label = @1
      unreachable
    end
    local.get 1
    i32.load offset=4
    local.get 0
    i32.const 2
    i32.shl
    i32.add
    i32.load
    local.tee 0
    i32.eqz
    if  ;; label = @1
      unreachable
    end
    local.get 5
    i32.trunc_sat_f64_s
    local.get 0
    i32.const 20
    i32.sub
    i32.load offset=16
    i32.const 1
    i32.shr_u
    i32.add)
  (memory (;0;) 1)
  (global (;0;) (mut i32) (i32.const 0))
  (global (;1;) (mut i32) (i32.const 0))
  (global (;2;) (mut i32) (i32.const 0))
  (export "dodona_run" (func 9))
  (export "memory" (memory 0))
  (start 7)
  (data (;0;) (i32.const 44) "\1c")
  (data (;1;) (i32.const 56) "\02\00\00\00\02\00\00\00a")
  (data (;2;) (i32.const 76) "\1c")
  (data (;3;) (i32.const 88) "\02\00\00\00\04\00\00\00b\00c")
  (data (;4;) (i32.const 108) "\1c")
  (data (;5;) (i32.const 120) "\01\00\00\00\08\00\00\00@\00\00\00`"))
