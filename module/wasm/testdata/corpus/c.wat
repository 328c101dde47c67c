(module
  (type (;0;) (func (param f64 f64) (result f64)))
  (type (;1;) (func (param i32 i32 i32 i32) (result i32)))
  (type (;2;) (func (param i32 i32 i64 i32 i32 i32 i64 i32) (result i32)))
  (type (;3;) (func (result i32)))
  (import "dodona_v1" "input_read" (func (;0;) (type 1)))
  (import "dodona_v1" "point" (func (;1;) (type 2)))
  (func (;2;) (type 3) (result i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 f64 f64 f32 f32 i64 i64)
    global.get 0
    i32.const 16
    i32.sub
    local.tee 3
    global.set 0
    i32.const 0
    i32.const 1072
    i32.const 0
    i32.const 511
    call 0
    local.tee 5
    i32.const 1072
    i32.add
    i32.const 0
    i32.store8
    local.get 3
    i32.const 1072
    i32.store offset=12
    i32.const 1072
    i32.load8_u
    if (result i64)  ;; label = @1
      i32.const 1024
      local.set 6
      loop  ;; label = @2
        local.get 6
        local.get 0
        i32.const 3
        i32.div_u
        i32.const -12
        i32.mul
        i32.add
        i32.load
        local.set 8
        local.get 12
        block (result f64)  ;; label = @3
          f64.const 0x0p+0 (;=0;)
          local.set 12
          i32.const 0
          local.set 7
          f64.const 0x1p+0 (;=1;)
          local.set 13
          local.get 3
          i32.const 12
          i32.add
          local.tee 9
          i32.load
          local.tee 1
          i32.load8_u
          local.tee 10
          i32.const 45
          i32.ne
          local.set 2
          loop  ;; label = @4
            local.get 2
            i32.eqz
            if  ;; label = @5
              local.get 9
              local.get 1
              i32.const 1
              i32.add
              local.tee 1
              i32.store
              i32.const 1
              local.set 2
              br 1 (;@4;)
            end
            block  ;; label = @5
              block  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    local.get 1
                    i32.load8_u
                    local.tee 2
                    i32.const 48
                    i32.sub
                    local.tee 4
                    i32.const 255
                    i32.and
                    local.tee 11
                    i32.const 10
                    i32.ge_u
                    if  ;; label = @9
                      i32.const 9
                      local.set 4
                      local.get 2
                      i32.const 46
                      i32.ne
                      br_if 1 (;@8;)
                      i32.const 1
                      local.set 7
                      br 4 (;@5;)
                    end
                    local.get 11
                    i32.const 6
                    i32.ge_u
                    if  ;; label = @9
                      local.get 2
                      i32.const 48
                      i32.sub
                      local.set 4
                      br 2 (;@7;)
                    end
                    local.get 4
                    i32.extend8_s
                    i32.const 2
                    i32.shl
                    i32.const 1044
                    i32.add
                    i32.load
                    local.set 4
                    br 1 (;@7;)
                  end
                  local.get 2
                  i32.const 120
                  i32.ne
                  br_if 1 (;@6;)
                end
                local.get 13
                f64.const 0x1.4p+3 (;=10;)
                f64.mul
                local.get 13
                local.get 7
                select
                local.set 13
                local.get 12
                f64.const 0x1.4p+3 (;=10;)
                f64.mul
                local.get 4
                f64.convert_i32_s
                f64.add
                local.set 12
                br 1 (;@5;)
              end
              local.get 12
              f64.neg
              local.get 12
              local.get 10
              i32.const 45
              i32.eq
              select
              local.get 13
              f64.div
              br 2 (;@3;)
            end
            i32.const 0
            local.set 2
            br 0 (;@4;)
          end
          unreachable
        end
        local.get 8
        call_indirect (type 0)
        local.tee 12
        f32.demote_f64
        local.set 15
        local.get 3
        i32.load offset=12
        local.tee 1
        i32.load8_u
        if  ;; label = @3
          local.get 3
          local.get 1
          i32.const 1
          i32.add
          local.tee 1
          i32.store offset=12
        end
        local.get 14
        local.get 15
        f32.add
        local.set 14
        local.get 0
        i32.const 15
        i32.and
        i32.const 3
        i32.shl
        i32.const 1584
        i32.add
        local.tee 2
        local.get 2
        i64.load
        local.get 12
        i64.trunc_sat_f64_s
        i64.add
        i64.store
        local.get 6
        i32.const 4
        i32.add
        local.set 6
        local.get 0
        i32.const 1
        i32.add
        local.set 0
        local.get 1
        i32.load8_u
        br_if 0 (;@2;)
      end
      local.get 14
      i64.trunc_sat_f32_u
      local.set 16
      local.get 12
      f64.const 0x1.f4p+9 (;=1000;)
      f64.mul
      i64.trunc_sat_f64_s
    else
      i64.const 0
    end
    local.set 17
    local.get 5
    i32.const 0
    i32.le_s
    if (result i32)  ;; label = @1
      i32.const 5
    else
      i32.const -2128831035
      local.set 1
      i32.const 0
      local.set 0
      loop  ;; label = @2
        local.get 1
        local.get 0
        i32.const 1072
        i32.add
        i32.load8_u
        i32.xor
        i32.const 16777619
        i32.mul
        local.set 1
        local.get 5
        local.get 0
        i32.const 1
        i32.add
        local.tee 0
        i32.ne
        br_if 0 (;@2;)
      end
      local.get 1
      i32.const 15
      i32.and
    end
    i32.const 3
    i32.shl
    i32.const 1584
    i32.add
    local.tee 0
    local.get 0
    i64.load
    local.get 16
    i64.xor
    i64.store
    i32.const 1328
    i32.const 1072
    local.get 5
    i32.const 127
    i32.and
    memory.copy
    i32.const 1036
    i32.const 3
    local.get 17
    i32.const -3
    i32.const 1040
    i32.const 1
    i32.const 1608
    i64.load
    i32.const 0
    call 1
    local.get 3
    i32.const 16
    i32.add
    global.set 0
    i32.const 31
    i32.shr_u)
  (func (;3;) (type 0) (param f64 f64) (result f64)
    local.get 0
    local.get 1
    f64.add)
  (func (;4;) (type 0) (param f64 f64) (result f64)
    local.get 0
    local.get 1
    f64.mul)
  (func (;5;) (type 0) (param f64 f64) (result f64)
    local.get 0
    f64.const 0x1p+0 (;=1;)
    local.get 1
    local.get 1
    f64.const 0x0p+0 (;=0;)
    f64.eq
    select
    f64.div)
  (table (;0;) 4 4 funcref)
  (memory (;0;) 1)
  (global (;0;) (mut i32) (i32.const 5808))
  (export "memory" (memory 0))
  (export "dodona_run" (func 2))
  (elem (;0;) (i32.const 1) func 3 4 5)
  (data (;0;) (i32.const 1024) "\01\00\00\00\02\00\00\00\03\00\00\00acc\00C\00\00\00\00\00\00\00\01\00\00\00\02\00\00\00\03\00\00\00\04\00\00\007"))
