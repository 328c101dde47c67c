(module
  (type (;0;) (func (param i32 i32 i32 i32) (result i32)))
  (type (;1;) (func (param i32 i32) (result i32)))
  (type (;2;) (func (param i32 i32 i32 i32 i32)))
  (type (;3;) (func (param i32 i32)))
  (type (;4;) (func (param i32 i32 i32 i32)))
  (type (;5;) (func (param i32 i32 i32)))
  (type (;6;) (func))
  (type (;7;) (func (result i32)))
  (type (;8;) (func (param f64 f64) (result f64)))
  (import "dodona_v1" "input_read" (func (;0;) (type 0)))
  (import "dodona_v1" "output_write" (func (;1;) (type 1)))
  (func (;2;) (type 2) (param i32 i32 i32 i32 i32)
    block  ;; label = @1
      block  ;; label = @2
        local.get 2
        local.get 1
        i32.lt_u
        br_if 0 (;@2;)
        local.get 2
        local.get 4
        i32.le_u
        br_if 1 (;@1;)
        local.get 2
        local.get 4
        call 3
        unreachable
      end
      local.get 1
      local.get 2
      call 4
      unreachable
    end
    local.get 0
    local.get 2
    local.get 1
    i32.sub
    i32.store offset=4
    local.get 0
    local.get 3
    local.get 1
    i32.add
    i32.store)
  (func (;3;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 21
    unreachable)
  (func (;4;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 24
    unreachable)
  (func (;5;) (type 4) (param i32 i32 i32 i32)
    block  ;; label = @1
      block  ;; label = @2
        local.get 2
        local.get 1
        i32.ge_u
        br_if 0 (;@2;)
        local.get 3
        local.get 1
        i32.lt_u
        br_if 1 (;@1;)
        local.get 3
        local.get 1
        call 6
        unreachable
      end
      local.get 2
      local.get 1
      call 6
      unreachable
    end
    local.get 0
    local.get 2
    i32.add
    local.tee 1
    i32.load8_u
    local.set 2
    local.get 1
    local.get 0
    local.get 3
    i32.add
    local.tee 3
    i32.load8_u
    i32.store8
    local.get 3
    local.get 2
    i32.store8)
  (func (;6;) (type 3) (param i32 i32)
    call 17
    unreachable)
  (func (;7;) (type 3) (param i32 i32)
    (local i32 i32 i32)
    block  ;; label = @1
      local.get 1
      i32.const 2
      i32.lt_u
      br_if 0 (;@1;)
      local.get 1
      local.get 0
      i32.add
      local.tee 2
      i32.const -1
      i32.add
      local.tee 3
      i32.load8_u
      local.tee 4
      local.get 2
      i32.const -2
      i32.add
      i32.load8_u
      local.tee 2
      i32.ge_u
      br_if 0 (;@1;)
      local.get 3
      local.get 2
      i32.store8
      loop  ;; label = @2
        block  ;; label = @3
          block  ;; label = @4
            local.get 1
            i32.const 2
            i32.eq
            br_if 0 (;@4;)
            local.get 4
            local.get 0
            local.get 1
            i32.add
            local.tee 2
            i32.const -3
            i32.add
            i32.load8_u
            local.tee 3
            i32.lt_u
            br_if 1 (;@3;)
            local.get 2
            i32.const -2
            i32.add
            local.set 0
          end
          local.get 0
          local.get 4
          i32.store8
          br 2 (;@1;)
        end
        local.get 2
        i32.const -2
        i32.add
        local.get 3
        i32.store8
        local.get 1
        i32.const -1
        i32.add
        local.set 1
        br 0 (;@2;)
      end
    end)
  (func (;8;) (type 4) (param i32 i32 i32 i32)
    local.get 0
    i32.load
    local.tee 0
    local.get 1
    local.get 2
    call 9
    local.get 0
    local.get 2
    local.get 3
    call 9
    local.get 0
    local.get 1
    local.get 2
    call 9)
  (func (;9;) (type 5) (param i32 i32 i32)
    (local i32 i32 i32)
    block  ;; label = @1
      local.get 0
      i32.load offset=4
      local.tee 3
      local.get 2
      i32.load
      local.tee 4
      i32.add
      i32.load8_u
      local.get 3
      local.get 1
      i32.load
      local.tee 5
      i32.add
      i32.load8_u
      i32.ge_u
      br_if 0 (;@1;)
      local.get 2
      local.get 5
      i32.store
      local.get 1
      local.get 4
      i32.store
      local.get 0
      i32.load offset=12
      local.tee 2
      local.get 2
      i32.load
      i32.const 1
      i32.add
      i32.store
    end)
  (func (;10;) (type 3) (param i32 i32)
    (local i32 i32)
    global.get 0
    i32.const 16
    i32.sub
    local.tee 2
    global.set 0
    local.get 0
    i32.load
    local.set 0
    local.get 2
    local.get 1
    i32.load
    local.tee 3
    i32.const -1
    i32.add
    i32.store offset=8
    local.get 2
    local.get 3
    i32.const 1
    i32.add
    i32.store offset=12
    local.get 0
    local.get 2
    i32.const 8
    i32.add
    local.get 1
    local.get 2
    i32.const 12
    i32.add
    call 8
    local.get 2
    i32.const 16
    i32.add
    global.set 0)
  (func (;11;) (type 2) (param i32 i32 i32 i32 i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    global.get 0
    i32.const 352
    i32.sub
    local.tee 5
    global.set 0
    i32.const 1
    local.set 6
    i32.const 1
    local.set 7
    block  ;; label = @1
      block  ;; label = @2
        loop  ;; label = @3
          local.get 7
          local.get 6
          i32.and
          local.set 8
          local.get 1
          local.set 9
          local.get 0
          local.set 10
          loop  ;; label = @4
            local.get 9
            i32.const 21
            i32.lt_u
            br_if 2 (;@2;)
            block  ;; label = @5
              local.get 4
              br_if 0 (;@5;)
              local.get 9
              i32.const 1
              i32.shr_u
              i32.const -1
              i32.add
              local.set 6
              loop  ;; label = @6
                block  ;; label = @7
                  local.get 6
                  i32.const -1
                  i32.ne
                  br_if 0 (;@7;)
                  local.get 9
                  local.set 6
                  loop  ;; label = @8
                    local.get 6
                    i32.const 2
                    i32.lt_u
                    br_if 7 (;@1;)
                    local.get 10
                    local.get 9
                    i32.const 0
                    local.get 6
                    i32.const -1
                    i32.add
                    local.tee 6
                    call 5
                    local.get 5
                    i32.const 16
                    i32.add
                    local.get 10
                    local.get 9
                    local.get 6
                    call 12
                    local.get 5
                    i32.load offset=16
                    local.get 5
                    i32.load offset=20
                    i32.const 0
                    call 13
                    br 0 (;@8;)
                  end
                end
                local.get 10
                local.get 9
                local.get 6
                call 13
                local.get 6
                i32.const -1
                i32.add
                local.set 6
                br 0 (;@6;)
              end
            end
            block  ;; label = @5
              local.get 7
              i32.const 1
              i32.and
              br_if 0 (;@5;)
              local.get 9
              i32.const 1
              i32.shr_u
              i32.const 2147483646
              i32.and
              local.set 11
              i32.const -1
              local.set 6
              i32.const -1
              local.get 9
              i32.const -1
              i32.add
              i32.clz
              i32.shr_u
              local.set 12
              local.get 9
              local.set 13
              block  ;; label = @6
                loop  ;; label = @7
                  local.get 6
                  i32.const 2
                  i32.eq
                  br_if 1 (;@6;)
                  local.get 10
                  local.get 9
                  local.get 11
                  local.get 6
                  i32.add
                  local.get 13
                  i32.const 13
                  i32.shl
                  local.get 13
                  i32.xor
                  local.tee 13
                  i32.const 17
                  i32.shr_u
                  local.get 13
                  i32.xor
                  local.tee 13
                  i32.const 5
                  i32.shl
                  local.get 13
                  i32.xor
                  local.tee 13
                  local.get 12
                  i32.and
                  local.tee 14
                  i32.const 0
                  local.get 9
                  local.get 14
                  local.get 9
                  i32.lt_u
                  select
                  i32.sub
                  call 5
                  local.get 6
                  i32.const 1
                  i32.add
                  local.set 6
                  br 0 (;@7;)
                end
              end
              local.get 4
              i32.const -1
              i32.add
              local.set 4
            end
            local.get 5
            local.get 9
            i32.const 2
            i32.shr_u
            local.tee 6
            i32.store offset=76
            local.get 5
            local.get 6
            i32.const 1
            i32.shl
            i32.store offset=80
            local.get 5
            local.get 6
            i32.const 3
            i32.mul
            i32.store offset=84
            local.get 5
            i32.const 0
            i32.store offset=88
            local.get 5
            local.get 9
            i32.store offset=232
            local.get 5
            local.get 10
            i32.store offset=228
            local.get 5
            local.get 2
            i32.store offset=224
            local.get 5
            local.get 5
            i32.const 88
            i32.add
            i32.store offset=236
            local.get 5
            local.get 5
            i32.const 224
            i32.add
            i32.store offset=92
            block  ;; label = @5
              local.get 9
              i32.const 49
              i32.le_u
              br_if 0 (;@5;)
              local.get 5
              local.get 5
              i32.const 92
              i32.add
              i32.store offset=96
              local.get 5
              i32.const 96
              i32.add
              local.get 5
              i32.const 76
              i32.add
              call 10
              local.get 5
              i32.const 96
              i32.add
              local.get 5
              i32.const 80
              i32.add
              call 10
              local.get 5
              i32.const 96
              i32.add
              local.get 5
              i32.const 84
              i32.add
              call 10
            end
            local.get 5
            i32.const 92
            i32.add
            local.get 5
            i32.const 76
            i32.add
            local.get 5
            i32.const 80
            i32.add
            local.get 5
            i32.const 84
            i32.add
            call 8
            block  ;; label = @5
              block  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    local.get 5
                    i32.load offset=88
                    local.tee 6
                    i32.const 12
                    i32.lt_u
                    br_if 0 (;@8;)
                    local.get 5
                    i32.const 64
                    i32.add
                    local.get 10
                    local.get 9
                    i32.const 1
                    i32.shr_u
                    local.tee 6
                    local.get 6
                    call 12
                    local.get 5
                    i32.load offset=68
                    local.set 15
                    local.get 5
                    i32.load offset=64
                    local.set 16
                    local.get 5
                    i32.const 56
                    i32.add
                    local.get 10
                    local.get 9
                    i32.add
                    local.get 6
                    i32.sub
                    local.get 6
                    local.get 6
                    call 12
                    local.get 6
                    i32.const -1
                    i32.add
                    local.set 6
                    i32.const 0
                    local.set 13
                    local.get 5
                    i32.load offset=60
                    local.set 17
                    local.get 5
                    i32.load offset=56
                    local.set 18
                    block  ;; label = @9
                      loop  ;; label = @10
                        local.get 6
                        i32.const -1
                        i32.eq
                        br_if 1 (;@9;)
                        local.get 15
                        local.get 13
                        i32.eq
                        br_if 4 (;@6;)
                        block  ;; label = @11
                          local.get 6
                          local.get 17
                          i32.ge_u
                          br_if 0 (;@11;)
                          local.get 16
                          local.get 13
                          i32.add
                          local.tee 14
                          i32.load8_u
                          local.set 11
                          local.get 14
                          local.get 18
                          local.get 6
                          i32.add
                          local.tee 12
                          i32.load8_u
                          i32.store8
                          local.get 12
                          local.get 11
                          i32.store8
                          local.get 13
                          i32.const 1
                          i32.add
                          local.set 13
                          local.get 6
                          i32.const -1
                          i32.add
                          local.set 6
                          br 1 (;@10;)
                        end
                      end
                      local.get 6
                      local.get 17
                      call 6
                      unreachable
                    end
                    local.get 9
                    local.get 5
                    i32.load offset=80
                    i32.const -1
                    i32.xor
                    i32.add
                    local.set 16
                    i32.const 1
                    local.set 6
                    br 1 (;@7;)
                  end
                  local.get 6
                  i32.eqz
                  local.set 6
                  local.get 5
                  i32.load offset=80
                  local.set 16
                end
                local.get 8
                local.get 6
                i32.and
                i32.eqz
                br_if 1 (;@5;)
                i32.const 1
                local.set 6
                i32.const 0
                local.set 17
                loop  ;; label = @7
                  local.get 17
                  i32.const 5
                  i32.eq
                  br_if 2 (;@5;)
                  local.get 6
                  local.get 9
                  local.get 6
                  local.get 9
                  i32.gt_u
                  select
                  local.set 14
                  local.get 17
                  i32.const 1
                  i32.add
                  local.set 17
                  block  ;; label = @8
                    loop  ;; label = @9
                      block  ;; label = @10
                        block  ;; label = @11
                          block  ;; label = @12
                            local.get 14
                            local.get 6
                            i32.ne
                            br_if 0 (;@12;)
                            local.get 14
                            local.set 6
                            br 1 (;@11;)
                          end
                          local.get 10
                          local.get 6
                          i32.add
                          local.tee 13
                          i32.load8_u
                          local.get 13
                          i32.const -1
                          i32.add
                          i32.load8_u
                          i32.ge_u
                          br_if 1 (;@10;)
                        end
                        block  ;; label = @11
                          local.get 9
                          i32.const 50
                          i32.lt_u
                          br_if 0 (;@11;)
                          local.get 6
                          local.get 9
                          i32.eq
                          br_if 0 (;@11;)
                          local.get 10
                          local.get 9
                          local.get 6
                          i32.const -1
                          i32.add
                          local.get 6
                          call 5
                          local.get 5
                          i32.const 48
                          i32.add
                          local.get 10
                          local.get 9
                          local.get 6
                          call 12
                          local.get 5
                          i32.load offset=48
                          local.get 5
                          i32.load offset=52
                          call 7
                          local.get 5
                          i32.const 40
                          i32.add
                          local.get 10
                          local.get 9
                          local.get 6
                          call 14
                          local.get 5
                          i32.load offset=44
                          local.tee 12
                          i32.const 2
                          i32.lt_u
                          br_if 4 (;@7;)
                          local.get 5
                          i32.load offset=40
                          local.tee 11
                          i32.load8_u offset=1
                          local.tee 13
                          local.get 11
                          i32.load8_u
                          local.tee 15
                          i32.ge_u
                          br_if 4 (;@7;)
                          local.get 11
                          local.get 13
                          i32.store8
                          local.get 12
                          i32.const -2
                          i32.add
                          local.set 14
                          local.get 11
                          i32.const 1
                          i32.add
                          local.set 13
                          local.get 12
                          local.get 11
                          i32.add
                          i32.const -1
                          i32.add
                          local.set 18
                          loop  ;; label = @12
                            block  ;; label = @13
                              local.get 14
                              br_if 0 (;@13;)
                              local.get 18
                              local.set 13
                              br 5 (;@8;)
                            end
                            local.get 13
                            i32.const 1
                            i32.add
                            local.tee 11
                            i32.load8_u
                            local.tee 12
                            local.get 15
                            i32.ge_u
                            br_if 4 (;@8;)
                            local.get 13
                            local.get 12
                            i32.store8
                            local.get 14
                            i32.const -1
                            i32.add
                            local.set 14
                            local.get 11
                            local.set 13
                            br 0 (;@12;)
                          end
                        end
                        local.get 6
                        local.get 9
                        i32.ne
                        br_if 5 (;@5;)
                        br 9 (;@1;)
                      end
                      local.get 6
                      i32.const 1
                      i32.add
                      local.set 6
                      br 0 (;@9;)
                    end
                  end
                  local.get 13
                  local.get 15
                  i32.store8
                  br 0 (;@7;)
                end
              end
              local.get 15
              local.get 15
              call 6
              unreachable
            end
            block  ;; label = @5
              block  ;; label = @6
                local.get 3
                br_if 0 (;@6;)
                local.get 1
                local.set 9
                br 1 (;@5;)
              end
              block  ;; label = @6
                local.get 16
                local.get 9
                i32.lt_u
                br_if 0 (;@6;)
                local.get 16
                local.get 9
                call 6
                unreachable
              end
              block  ;; label = @6
                local.get 3
                i32.load8_u
                local.get 10
                local.get 16
                i32.add
                i32.load8_u
                i32.ge_u
                br_if 0 (;@6;)
                local.get 10
                local.set 0
                br 1 (;@5;)
              end
              i32.const 0
              local.set 13
              local.get 10
              local.get 9
              i32.const 0
              local.get 16
              call 5
              local.get 9
              i32.const -1
              i32.add
              local.set 6
              local.get 10
              i32.const 1
              i32.add
              local.set 12
              local.get 10
              i32.load8_u
              local.set 11
              loop  ;; label = @6
                local.get 6
                local.get 13
                local.get 6
                local.get 13
                i32.gt_u
                select
                local.set 14
                loop  ;; label = @7
                  block  ;; label = @8
                    block  ;; label = @9
                      local.get 14
                      local.get 13
                      i32.eq
                      br_if 0 (;@9;)
                      local.get 11
                      i32.const 255
                      i32.and
                      local.get 10
                      local.get 13
                      i32.add
                      i32.const 1
                      i32.add
                      i32.load8_u
                      i32.ge_u
                      br_if 1 (;@8;)
                      local.get 13
                      local.set 14
                    end
                    block  ;; label = @9
                      loop  ;; label = @10
                        local.get 14
                        local.get 6
                        i32.ge_u
                        br_if 1 (;@9;)
                        local.get 10
                        local.get 6
                        i32.add
                        local.set 13
                        local.get 6
                        i32.const -1
                        i32.add
                        local.set 6
                        local.get 11
                        i32.const 255
                        i32.and
                        local.get 13
                        i32.load8_u
                        local.tee 13
                        i32.lt_u
                        br_if 0 (;@10;)
                      end
                      local.get 12
                      local.get 14
                      i32.add
                      local.tee 15
                      i32.load8_u
                      local.set 17
                      local.get 15
                      local.get 13
                      i32.store8
                      local.get 10
                      local.get 6
                      i32.add
                      i32.const 1
                      i32.add
                      local.get 17
                      i32.store8
                      local.get 14
                      i32.const 1
                      i32.add
                      local.set 13
                      br 3 (;@6;)
                    end
                    local.get 10
                    local.get 11
                    i32.store8
                    local.get 5
                    i32.const 32
                    i32.add
                    local.get 10
                    local.get 9
                    local.get 14
                    i32.const 1
                    i32.add
                    call 14
                    local.get 5
                    i32.load offset=36
                    local.set 9
                    local.get 5
                    i32.load offset=32
                    local.set 10
                    br 4 (;@4;)
                  end
                  local.get 13
                  i32.const 1
                  i32.add
                  local.set 13
                  br 0 (;@7;)
                end
              end
            end
          end
          local.get 0
          local.get 9
          i32.const 0
          local.get 16
          call 5
          block  ;; label = @4
            local.get 9
            i32.eqz
            br_if 0 (;@4;)
            local.get 9
            i32.const -1
            i32.add
            local.set 10
            i32.const 1
            local.set 6
            local.get 0
            i32.const 1
            i32.add
            local.set 14
            local.get 0
            i32.load8_u
            local.set 18
            loop  ;; label = @5
              block  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    local.get 9
                    local.get 6
                    i32.ne
                    br_if 0 (;@8;)
                    local.get 10
                    local.set 19
                    br 1 (;@7;)
                  end
                  local.get 0
                  local.get 6
                  i32.add
                  i32.load8_u
                  local.get 18
                  i32.const 255
                  i32.and
                  i32.lt_u
                  br_if 1 (;@6;)
                  local.get 6
                  i32.const -1
                  i32.add
                  local.set 19
                end
                local.get 19
                local.get 10
                local.get 19
                local.get 10
                i32.lt_u
                select
                local.set 20
                local.get 10
                local.set 6
                block  ;; label = @7
                  loop  ;; label = @8
                    local.get 19
                    local.get 6
                    i32.ge_u
                    br_if 1 (;@7;)
                    local.get 0
                    local.get 6
                    i32.add
                    local.set 13
                    local.get 6
                    i32.const -1
                    i32.add
                    local.set 6
                    local.get 13
                    i32.load8_u
                    local.get 18
                    i32.const 255
                    i32.and
                    i32.ge_u
                    br_if 0 (;@8;)
                  end
                  local.get 6
                  i32.const 1
                  i32.add
                  local.set 20
                end
                local.get 5
                i32.const 24
                i32.add
                local.get 19
                local.get 20
                local.get 14
                local.get 10
                call 2
                local.get 5
                i32.load offset=24
                local.tee 21
                local.get 5
                i32.load offset=28
                i32.add
                local.set 16
                i32.const 128
                local.set 7
                i32.const 0
                local.set 15
                i32.const 0
                local.set 6
                i32.const 0
                local.set 14
                i32.const 0
                local.set 11
                i32.const 128
                local.set 8
                local.get 21
                local.set 17
                loop  ;; label = @7
                  block  ;; label = @8
                    local.get 16
                    local.get 17
                    i32.sub
                    local.tee 13
                    i32.const 257
                    i32.lt_u
                    local.tee 1
                    i32.eqz
                    br_if 0 (;@8;)
                    local.get 13
                    i32.const -128
                    i32.add
                    local.get 13
                    local.get 11
                    local.get 14
                    i32.lt_u
                    local.tee 10
                    local.get 6
                    local.get 15
                    i32.lt_u
                    i32.or
                    local.tee 12
                    select
                    local.set 13
                    block  ;; label = @9
                      local.get 12
                      i32.eqz
                      br_if 0 (;@9;)
                      local.get 8
                      local.get 13
                      local.get 10
                      select
                      local.set 8
                      local.get 13
                      local.get 7
                      local.get 10
                      select
                      local.set 7
                      br 1 (;@8;)
                    end
                    local.get 13
                    local.get 13
                    i32.const 1
                    i32.shr_u
                    local.tee 8
                    i32.sub
                    local.set 7
                  end
                  block  ;; label = @8
                    local.get 11
                    local.get 14
                    i32.ne
                    br_if 0 (;@8;)
                    i32.const 0
                    local.set 13
                    local.get 5
                    i32.const 96
                    i32.add
                    local.tee 11
                    local.set 14
                    loop  ;; label = @9
                      local.get 8
                      local.get 13
                      i32.eq
                      br_if 1 (;@8;)
                      local.get 17
                      local.get 13
                      i32.add
                      local.set 10
                      local.get 14
                      local.get 13
                      i32.store8
                      local.get 13
                      i32.const 1
                      i32.add
                      local.set 13
                      local.get 14
                      local.get 10
                      i32.load8_u
                      local.get 18
                      i32.const 255
                      i32.and
                      i32.ge_u
                      i32.add
                      local.set 14
                      br 0 (;@9;)
                    end
                  end
                  block  ;; label = @8
                    local.get 6
                    local.get 15
                    i32.ne
                    br_if 0 (;@8;)
                    local.get 16
                    i32.const -1
                    i32.add
                    local.set 10
                    i32.const 0
                    local.set 13
                    local.get 5
                    i32.const 224
                    i32.add
                    local.tee 6
                    local.set 15
                    loop  ;; label = @9
                      local.get 7
                      local.get 13
                      i32.eq
                      br_if 1 (;@8;)
                      local.get 15
                      local.get 13
                      i32.store8
                      local.get 13
                      i32.const 1
                      i32.add
                      local.set 13
                      local.get 15
                      local.get 10
                      i32.load8_u
                      local.get 18
                      i32.const 255
                      i32.and
                      i32.lt_u
                      i32.add
                      local.set 15
                      local.get 10
                      i32.const -1
                      i32.add
                      local.set 10
                      br 0 (;@9;)
                    end
                  end
                  block  ;; label = @8
                    local.get 15
                    local.get 6
                    i32.sub
                    local.tee 13
                    local.get 14
                    local.get 11
                    i32.sub
                    local.tee 10
                    local.get 10
                    local.get 13
                    i32.gt_u
                    select
                    local.tee 10
                    i32.eqz
                    br_if 0 (;@8;)
                    local.get 11
                    i32.const 1
                    i32.add
                    local.set 13
                    local.get 10
                    i32.const -1
                    i32.add
                    local.set 10
                    local.get 17
                    local.get 11
                    i32.load8_u
                    i32.add
                    local.tee 11
                    i32.load8_u
                    local.set 22
                    loop  ;; label = @9
                      local.get 11
                      local.get 16
                      local.get 6
                      i32.load8_u
                      i32.const -1
                      i32.xor
                      i32.add
                      local.tee 12
                      i32.load8_u
                      i32.store8
                      block  ;; label = @10
                        local.get 10
                        br_if 0 (;@10;)
                        local.get 12
                        local.get 22
                        i32.store8
                        local.get 6
                        i32.const 1
                        i32.add
                        local.set 6
                        local.get 13
                        local.set 11
                        br 2 (;@8;)
                      end
                      local.get 12
                      local.get 17
                      local.get 13
                      i32.load8_u
                      i32.add
                      local.tee 11
                      i32.load8_u
                      i32.store8
                      local.get 13
                      i32.const 1
                      i32.add
                      local.set 13
                      local.get 10
                      i32.const -1
                      i32.add
                      local.set 10
                      local.get 6
                      i32.const 1
                      i32.add
                      local.set 6
                      br 0 (;@9;)
                    end
                  end
                  local.get 16
                  i32.const 0
                  local.get 7
                  i32.sub
                  i32.const 0
                  local.get 6
                  local.get 15
                  i32.eq
                  select
                  i32.add
                  local.set 16
                  local.get 17
                  local.get 8
                  i32.const 0
                  local.get 11
                  local.get 14
                  i32.eq
                  select
                  i32.add
                  local.set 17
                  local.get 1
                  i32.eqz
                  br_if 0 (;@7;)
                end
                block  ;; label = @7
                  block  ;; label = @8
                    local.get 11
                    local.get 14
                    i32.lt_u
                    br_if 0 (;@8;)
                    local.get 6
                    local.get 15
                    i32.ge_u
                    br_if 1 (;@7;)
                    loop  ;; label = @9
                      local.get 6
                      local.get 15
                      i32.ge_u
                      br_if 2 (;@7;)
                      local.get 17
                      i32.load8_u
                      local.set 13
                      local.get 17
                      local.get 16
                      local.get 15
                      i32.const -1
                      i32.add
                      local.tee 15
                      i32.load8_u
                      i32.const -1
                      i32.xor
                      i32.add
                      local.tee 10
                      i32.load8_u
                      i32.store8
                      local.get 10
                      local.get 13
                      i32.store8
                      local.get 17
                      i32.const 1
                      i32.add
                      local.set 17
                      br 0 (;@9;)
                    end
                  end
                  block  ;; label = @8
                    loop  ;; label = @9
                      local.get 11
                      local.get 14
                      i32.ge_u
                      br_if 1 (;@8;)
                      local.get 17
                      local.get 14
                      i32.const -1
                      i32.add
                      local.tee 14
                      i32.load8_u
                      i32.add
                      local.tee 6
                      i32.load8_u
                      local.set 13
                      local.get 6
                      local.get 16
                      i32.const -1
                      i32.add
                      local.tee 16
                      i32.load8_u
                      i32.store8
                      local.get 16
                      local.get 13
                      i32.store8
                      br 0 (;@9;)
                    end
                  end
                  local.get 16
                  local.set 17
                end
                local.get 0
                local.get 18
                i32.store8
                local.get 0
                local.get 9
                i32.const 0
                local.get 17
                local.get 21
                i32.sub
                local.get 19
                i32.add
                local.tee 1
                call 5
                local.get 9
                local.get 1
                i32.lt_u
                br_if 2 (;@4;)
                local.get 9
                local.get 1
                i32.sub
                local.tee 13
                i32.eqz
                br_if 2 (;@4;)
                local.get 13
                local.get 1
                local.get 1
                local.get 13
                i32.gt_u
                select
                local.get 9
                i32.const 3
                i32.shr_u
                i32.ge_u
                local.set 7
                local.get 19
                local.get 20
                i32.ge_u
                local.set 6
                local.get 0
                local.get 1
                i32.add
                local.tee 10
                i32.const 1
                i32.add
                local.set 14
                block  ;; label = @7
                  local.get 1
                  local.get 13
                  i32.const -1
                  i32.add
                  local.tee 13
                  i32.lt_u
                  br_if 0 (;@7;)
                  local.get 14
                  local.get 13
                  local.get 2
                  local.get 10
                  local.get 4
                  call 11
                  br 4 (;@3;)
                end
                local.get 0
                local.get 1
                local.get 2
                local.get 3
                local.get 4
                call 11
                local.get 10
                local.set 3
                local.get 13
                local.set 1
                local.get 14
                local.set 0
                br 3 (;@3;)
              end
              local.get 6
              i32.const 1
              i32.add
              local.set 6
              br 0 (;@5;)
            end
          end
        end
        call 15
        unreachable
      end
      local.get 9
      i32.const 1
      local.get 9
      i32.const 1
      i32.gt_u
      select
      local.set 13
      i32.const 1
      local.set 6
      loop  ;; label = @2
        local.get 13
        local.get 6
        i32.eq
        br_if 1 (;@1;)
        local.get 5
        i32.const 8
        i32.add
        local.get 10
        local.get 9
        local.get 6
        i32.const 1
        i32.add
        local.tee 6
        call 12
        local.get 5
        i32.load offset=8
        local.get 5
        i32.load offset=12
        call 7
        br 0 (;@2;)
      end
    end
    local.get 5
    i32.const 352
    i32.add
    global.set 0)
  (func (;12;) (type 4) (param i32 i32 i32 i32)
    (local i32)
    global.get 0
    i32.const 16
    i32.sub
    local.tee 4
    global.set 0
    local.get 4
    i32.const 8
    i32.add
    i32.const 0
    local.get 3
    local.get 1
    local.get 2
    call 2
    local.get 4
    i32.load offset=12
    local.set 3
    local.get 0
    local.get 4
    i32.load offset=8
    i32.store
    local.get 0
    local.get 3
    i32.store offset=4
    local.get 4
    i32.const 16
    i32.add
    global.set 0)
  (func (;13;) (type 5) (param i32 i32 i32)
    (local i32 i32)
    block  ;; label = @1
      loop  ;; label = @2
        block  ;; label = @3
          block  ;; label = @4
            block  ;; label = @5
              local.get 2
              i32.const 1
              i32.shl
              local.tee 3
              i32.const 1
              i32.or
              local.tee 4
              local.get 1
              i32.ge_u
              br_if 0 (;@5;)
              block  ;; label = @6
                local.get 3
                i32.const 2
                i32.add
                local.tee 3
                local.get 1
                i32.ge_u
                br_if 0 (;@6;)
                local.get 3
                local.get 4
                local.get 0
                local.get 4
                i32.add
                i32.load8_u
                local.get 0
                local.get 3
                i32.add
                i32.load8_u
                i32.lt_u
                select
                local.set 4
              end
              local.get 2
              local.get 1
              i32.ge_u
              br_if 4 (;@1;)
              local.get 4
              local.get 1
              i32.ge_u
              br_if 1 (;@4;)
              local.get 0
              local.get 2
              i32.add
              i32.load8_u
              local.get 0
              local.get 4
              i32.add
              i32.load8_u
              i32.lt_u
              br_if 2 (;@3;)
            end
            return
          end
          local.get 4
          local.get 1
          call 6
          unreachable
        end
        local.get 0
        local.get 1
        local.get 2
        local.get 4
        call 5
        local.get 4
        local.set 2
        br 0 (;@2;)
      end
    end
    local.get 2
    local.get 1
    call 6
    unreachable)
  (func (;14;) (type 4) (param i32 i32 i32 i32)
    block  ;; label = @1
      local.get 2
      local.get 3
      i32.ge_u
      br_if 0 (;@1;)
      local.get 3
      local.get 2
      call 16
      unreachable
    end
    local.get 0
    local.get 2
    local.get 3
    i32.sub
    i32.store offset=4
    local.get 0
    local.get 1
    local.get 3
    i32.add
    i32.store)
  (func (;15;) (type 6)
    call 17
    unreachable)
  (func (;16;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 18
    unreachable)
  (func (;17;) (type 6)
    unreachable
    unreachable)
  (func (;18;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 19
    unreachable)
  (func (;19;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 20
    unreachable)
  (func (;20;) (type 3) (param i32 i32)
    call 17
    unreachable)
  (func (;21;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 22
    unreachable)
  (func (;22;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 23
    unreachable)
  (func (;23;) (type 3) (param i32 i32)
    call 17
    unreachable)
  (func (;24;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 25
    unreachable)
  (func (;25;) (type 3) (param i32 i32)
    local.get 0
    local.get 1
    call 26
    unreachable)
  (func (;26;) (type 3) (param i32 i32)
    call 17
    unreachable)
  (func (;27;) (type 7) (result i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i64 f64)
    global.get 0
    i32.const 48
    i32.sub
    local.tee 0
    global.set 0
    block  ;; label = @1
      block  ;; label = @2
        block  ;; label = @3
          i32.const 0
          i32.const 1048832
          i32.const 0
          i32.const 256
          call 0
          local.tee 1
          i32.const 257
          i32.ge_u
          br_if 0 (;@3;)
          i32.const 1048832
          local.get 1
          local.get 0
          i32.const 8
          i32.add
          i32.const 0
          i32.const 32
          local.get 1
          i32.clz
          i32.sub
          call 11
          block  ;; label = @4
            local.get 1
            i32.eqz
            br_if 0 (;@4;)
            i32.const 0
            local.get 1
            i32.const -7
            i32.add
            local.tee 2
            local.get 2
            local.get 1
            i32.gt_u
            select
            local.set 3
            i32.const 1048835
            i32.const -4
            i32.and
            i32.const 1048832
            i32.sub
            i32.const -1
            i32.eq
            local.set 4
            i32.const 0
            local.set 2
            loop  ;; label = @5
              block  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    block  ;; label = @9
                      local.get 2
                      i32.const 1048832
                      i32.add
                      local.tee 5
                      i32.load8_u
                      local.tee 6
                      i32.const 24
                      i32.shl
                      i32.const 24
                      i32.shr_s
                      local.tee 7
                      i32.const 0
                      i32.lt_s
                      br_if 0 (;@9;)
                      local.get 4
                      br_if 1 (;@8;)
                      i32.const 0
                      local.get 5
                      i32.sub
                      i32.const 3
                      i32.and
                      br_if 1 (;@8;)
                      block  ;; label = @10
                        local.get 2
                        local.get 3
                        i32.ge_u
                        br_if 0 (;@10;)
                        loop  ;; label = @11
                          local.get 2
                          i32.const 1048832
                          i32.add
                          i32.load
                          local.get 2
                          i32.const 1048836
                          i32.add
                          i32.load
                          i32.or
                          i32.const -2139062144
                          i32.and
                          br_if 1 (;@10;)
                          local.get 2
                          i32.const 8
                          i32.add
                          local.tee 2
                          local.get 3
                          i32.lt_u
                          br_if 0 (;@11;)
                        end
                      end
                      local.get 2
                      local.get 1
                      i32.ge_u
                      br_if 3 (;@6;)
                      loop  ;; label = @10
                        local.get 2
                        i32.const 1048832
                        i32.add
                        i32.load8_s
                        i32.const 0
                        i32.lt_s
                        br_if 4 (;@6;)
                        local.get 1
                        local.get 2
                        i32.const 1
                        i32.add
                        local.tee 2
                        i32.ne
                        br_if 0 (;@10;)
                        br 6 (;@4;)
                      end
                    end
                    i32.const 1
                    local.set 5
                    block  ;; label = @9
                      block  ;; label = @10
                        block  ;; label = @11
                          local.get 6
                          i32.const 1048576
                          i32.add
                          i32.load8_u
                          i32.const -2
                          i32.add
                          br_table 0 (;@11;) 2 (;@9;) 1 (;@10;) 10 (;@1;)
                        end
                        i32.const 1
                        local.set 5
                        local.get 2
                        i32.const 1
                        i32.add
                        local.tee 2
                        local.get 1
                        i32.ge_u
                        br_if 9 (;@1;)
                        local.get 2
                        i32.const 1048832
                        i32.add
                        i32.load8_s
                        i32.const -65
                        i32.le_s
                        br_if 3 (;@7;)
                        br 9 (;@1;)
                      end
                      i32.const 1
                      local.set 5
                      local.get 2
                      i32.const 1
                      i32.add
                      local.tee 8
                      local.get 1
                      i32.ge_u
                      br_if 8 (;@1;)
                      local.get 8
                      i32.const 1048832
                      i32.add
                      i32.load8_s
                      local.set 8
                      block  ;; label = @10
                        block  ;; label = @11
                          block  ;; label = @12
                            block  ;; label = @13
                              local.get 6
                              i32.const -240
                              i32.add
                              br_table 1 (;@12;) 0 (;@13;) 0 (;@13;) 0 (;@13;) 2 (;@11;) 0 (;@13;)
                            end
                            local.get 7
                            i32.const 15
                            i32.add
                            i32.const 255
                            i32.and
                            i32.const 2
                            i32.gt_u
                            br_if 11 (;@1;)
                            local.get 8
                            i32.const -1
                            i32.gt_s
                            br_if 11 (;@1;)
                            local.get 8
                            i32.const -64
                            i32.lt_u
                            br_if 2 (;@10;)
                            br 11 (;@1;)
                          end
                          local.get 8
                          i32.const 112
                          i32.add
                          i32.const 255
                          i32.and
                          i32.const 48
                          i32.lt_u
                          br_if 1 (;@10;)
                          br 10 (;@1;)
                        end
                        local.get 8
                        i32.const -113
                        i32.gt_s
                        br_if 9 (;@1;)
                      end
                      local.get 2
                      i32.const 2
                      i32.add
                      local.tee 6
                      local.get 1
                      i32.ge_u
                      br_if 8 (;@1;)
                      local.get 6
                      i32.const 1048832
                      i32.add
                      i32.load8_s
                      i32.const -65
                      i32.gt_s
                      br_if 8 (;@1;)
                      local.get 2
                      i32.const 3
                      i32.add
                      local.tee 2
                      local.get 1
                      i32.ge_u
                      br_if 8 (;@1;)
                      local.get 2
                      i32.const 1048832
                      i32.add
                      i32.load8_s
                      i32.const -65
                      i32.gt_s
                      br_if 8 (;@1;)
                      br 2 (;@7;)
                    end
                    i32.const 1
                    local.set 5
                    local.get 2
                    i32.const 1
                    i32.add
                    local.tee 8
                    local.get 1
                    i32.ge_u
                    br_if 7 (;@1;)
                    local.get 8
                    i32.const 1048832
                    i32.add
                    i32.load8_s
                    local.set 8
                    block  ;; label = @9
                      block  ;; label = @10
                        block  ;; label = @11
                          block  ;; label = @12
                            local.get 6
                            i32.const 224
                            i32.eq
                            br_if 0 (;@12;)
                            local.get 6
                            i32.const 237
                            i32.eq
                            br_if 1 (;@11;)
                            local.get 7
                            i32.const 31
                            i32.add
                            i32.const 255
                            i32.and
                            i32.const 12
                            i32.lt_u
                            br_if 2 (;@10;)
                            local.get 7
                            i32.const -2
                            i32.and
                            i32.const -18
                            i32.ne
                            br_if 11 (;@1;)
                            local.get 8
                            i32.const -1
                            i32.gt_s
                            br_if 11 (;@1;)
                            local.get 8
                            i32.const -64
                            i32.lt_u
                            br_if 3 (;@9;)
                            br 11 (;@1;)
                          end
                          local.get 8
                          i32.const -32
                          i32.and
                          i32.const -96
                          i32.eq
                          br_if 2 (;@9;)
                          br 10 (;@1;)
                        end
                        local.get 8
                        i32.const -96
                        i32.lt_s
                        br_if 1 (;@9;)
                        br 9 (;@1;)
                      end
                      local.get 8
                      i32.const -65
                      i32.gt_s
                      br_if 8 (;@1;)
                    end
                    local.get 2
                    i32.const 2
                    i32.add
                    local.tee 2
                    local.get 1
                    i32.ge_u
                    br_if 7 (;@1;)
                    local.get 2
                    i32.const 1048832
                    i32.add
                    i32.load8_s
                    i32.const -65
                    i32.le_s
                    br_if 1 (;@7;)
                    br 7 (;@1;)
                  end
                  local.get 2
                  i32.const 1
                  i32.add
                  local.set 2
                  br 1 (;@6;)
                end
                local.get 2
                i32.const 1
                i32.add
                local.set 2
              end
              local.get 2
              local.get 1
              i32.lt_u
              br_if 0 (;@5;)
            end
          end
          local.get 0
          i32.const 8
          i32.add
          i32.const 32
          i32.add
          i32.const 32
          i32.store
          local.get 0
          i32.const 32
          i32.add
          i64.const 4294967328
          i64.store
          local.get 0
          i32.const 28
          i32.add
          local.get 1
          i32.store
          local.get 0
          i32.const 24
          i32.add
          i32.const 0
          i32.store
          local.get 0
          i32.const 20
          i32.add
          local.get 1
          i32.store
          local.get 0
          i32.const 1
          i32.store16 offset=44
          local.get 0
          i32.const 1048832
          i32.store offset=16
          local.get 0
          local.get 1
          i32.store offset=12
          local.get 0
          i32.const 0
          i32.store offset=8
          i32.const 0
          local.get 1
          i32.sub
          local.set 9
          i64.const 0
          local.set 10
          i32.const 0
          local.set 8
          i32.const 0
          local.set 11
          i32.const 0
          local.set 4
          loop  ;; label = @4
            local.get 8
            i32.const 255
            i32.and
            br_if 2 (;@2;)
            block  ;; label = @5
              loop  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    block  ;; label = @9
                      local.get 1
                      local.get 4
                      i32.lt_u
                      br_if 0 (;@9;)
                      local.get 4
                      i32.const 1048832
                      i32.add
                      local.set 5
                      block  ;; label = @10
                        block  ;; label = @11
                          block  ;; label = @12
                            block  ;; label = @13
                              block  ;; label = @14
                                local.get 1
                                local.get 4
                                i32.sub
                                local.tee 3
                                i32.const 8
                                i32.lt_u
                                br_if 0 (;@14;)
                                block  ;; label = @15
                                  local.get 5
                                  i32.const 3
                                  i32.add
                                  i32.const -4
                                  i32.and
                                  local.get 5
                                  i32.sub
                                  local.tee 2
                                  br_if 0 (;@15;)
                                  local.get 3
                                  i32.const -8
                                  i32.add
                                  local.set 8
                                  i32.const 0
                                  local.set 6
                                  br 3 (;@12;)
                                end
                                local.get 3
                                local.get 2
                                local.get 2
                                local.get 3
                                i32.gt_u
                                select
                                local.set 6
                                i32.const 0
                                local.set 2
                                loop  ;; label = @15
                                  local.get 5
                                  local.get 2
                                  i32.add
                                  i32.load8_u
                                  i32.const 32
                                  i32.eq
                                  br_if 8 (;@7;)
                                  local.get 6
                                  local.get 2
                                  i32.const 1
                                  i32.add
                                  local.tee 2
                                  i32.eq
                                  br_if 2 (;@13;)
                                  br 0 (;@15;)
                                end
                              end
                              i32.const 0
                              local.set 2
                              loop  ;; label = @14
                                local.get 3
                                local.get 2
                                i32.eq
                                br_if 4 (;@10;)
                                local.get 5
                                local.get 2
                                i32.add
                                i32.load8_u
                                i32.const 32
                                i32.eq
                                br_if 7 (;@7;)
                                local.get 2
                                i32.const 1
                                i32.add
                                local.set 2
                                br 0 (;@14;)
                              end
                            end
                            local.get 6
                            local.get 3
                            i32.const -8
                            i32.add
                            local.tee 8
                            i32.gt_u
                            br_if 1 (;@11;)
                          end
                          block  ;; label = @12
                            loop  ;; label = @13
                              local.get 5
                              local.get 6
                              i32.add
                              local.tee 2
                              i32.load
                              local.tee 7
                              i32.const -1
                              i32.xor
                              local.get 7
                              i32.const 538976288
                              i32.xor
                              i32.const -16843009
                              i32.add
                              i32.and
                              local.get 2
                              i32.const 4
                              i32.add
                              i32.load
                              local.tee 2
                              i32.const -1
                              i32.xor
                              local.get 2
                              i32.const 538976288
                              i32.xor
                              i32.const -16843009
                              i32.add
                              i32.and
                              i32.or
                              i32.const -2139062144
                              i32.and
                              br_if 1 (;@12;)
                              local.get 6
                              i32.const 8
                              i32.add
                              local.tee 6
                              local.get 8
                              i32.le_u
                              br_if 0 (;@13;)
                            end
                          end
                          local.get 6
                          local.get 3
                          i32.le_u
                          br_if 0 (;@11;)
                          local.get 6
                          local.get 3
                          call 16
                          unreachable
                        end
                        local.get 6
                        local.get 3
                        i32.eq
                        br_if 0 (;@10;)
                        local.get 6
                        local.get 9
                        local.get 4
                        i32.add
                        i32.add
                        local.set 3
                        local.get 4
                        local.get 6
                        i32.add
                        i32.const 1048832
                        i32.add
                        local.set 5
                        i32.const 0
                        local.set 2
                        loop  ;; label = @11
                          local.get 5
                          local.get 2
                          i32.add
                          i32.load8_u
                          i32.const 32
                          i32.eq
                          br_if 3 (;@8;)
                          local.get 3
                          local.get 2
                          i32.const 1
                          i32.add
                          local.tee 2
                          i32.add
                          br_if 0 (;@11;)
                        end
                      end
                      local.get 0
                      local.get 1
                      i32.store offset=24
                      local.get 1
                      local.set 4
                    end
                    i32.const 1
                    local.set 8
                    local.get 0
                    i32.const 1
                    i32.store8 offset=45
                    local.get 11
                    local.set 12
                    local.get 1
                    local.set 2
                    br 3 (;@5;)
                  end
                  local.get 6
                  local.get 2
                  i32.add
                  local.set 2
                end
                local.get 0
                local.get 2
                local.get 4
                i32.add
                local.tee 2
                i32.const 1
                i32.add
                local.tee 4
                i32.store offset=24
                local.get 4
                i32.eqz
                br_if 0 (;@6;)
                local.get 4
                local.get 1
                i32.gt_u
                br_if 0 (;@6;)
                local.get 2
                i32.const 1048832
                i32.add
                i32.load8_u
                local.get 0
                i32.load8_u offset=40
                i32.ne
                br_if 0 (;@6;)
              end
              local.get 0
              local.get 4
              i32.store offset=8
              i32.const 0
              local.set 8
              local.get 4
              local.set 12
            end
            block  ;; label = @5
              local.get 2
              local.get 11
              i32.sub
              local.tee 6
              i32.eqz
              br_if 0 (;@5;)
              block  ;; label = @6
                block  ;; label = @7
                  block  ;; label = @8
                    local.get 11
                    i32.const 1048832
                    i32.add
                    local.tee 2
                    i32.load8_u
                    i32.const -43
                    i32.add
                    br_table 1 (;@7;) 2 (;@6;) 0 (;@8;) 2 (;@6;)
                  end
                  local.get 6
                  i32.const 1
                  i32.eq
                  br_if 2 (;@5;)
                  br 1 (;@6;)
                end
                local.get 6
                i32.const -1
                i32.add
                local.tee 6
                i32.eqz
                br_if 1 (;@5;)
                local.get 2
                i32.const 1
                i32.add
                local.set 2
              end
              block  ;; label = @6
                block  ;; label = @7
                  local.get 6
                  i32.const 9
                  i32.lt_u
                  br_if 0 (;@7;)
                  i32.const 0
                  local.set 5
                  loop  ;; label = @8
                    local.get 2
                    i32.load8_u
                    i32.const -48
                    i32.add
                    local.tee 3
                    i32.const 9
                    i32.gt_u
                    br_if 3 (;@5;)
                    local.get 5
                    i64.extend_i32_u
                    i64.const 10
                    i64.mul
                    local.tee 13
                    i64.const 32
                    i64.shr_u
                    i32.wrap_i64
                    i32.const 0
                    i32.ne
                    br_if 3 (;@5;)
                    local.get 13
                    i32.wrap_i64
                    local.tee 7
                    local.get 3
                    i32.add
                    local.tee 5
                    local.get 7
                    i32.lt_u
                    br_if 3 (;@5;)
                    local.get 2
                    i32.const 1
                    i32.add
                    local.set 2
                    local.get 6
                    i32.const -1
                    i32.add
                    local.tee 6
                    br_if 0 (;@8;)
                    br 2 (;@6;)
                  end
                end
                i32.const 0
                local.set 5
                loop  ;; label = @7
                  local.get 2
                  i32.load8_u
                  i32.const -48
                  i32.add
                  local.tee 3
                  i32.const 9
                  i32.gt_u
                  br_if 2 (;@5;)
                  local.get 2
                  i32.const 1
                  i32.add
                  local.set 2
                  local.get 3
                  local.get 5
                  i32.const 10
                  i32.mul
                  i32.add
                  local.set 5
                  local.get 6
                  i32.const -1
                  i32.add
                  local.tee 6
                  br_if 0 (;@7;)
                end
              end
              local.get 10
              i64.const 31
              i64.mul
              local.get 5
              i64.extend_i32_u
              i64.add
              local.set 10
              local.get 12
              local.set 11
              br 1 (;@4;)
            end
          end
          i32.const 2
          local.set 5
          br 2 (;@1;)
        end
        local.get 1
        i32.const 256
        call 3
        unreachable
      end
      local.get 10
      f64.reinterpret_i64
      f64.const 0x1p-1 (;=0.5;)
      call 28
      local.tee 14
      f64.const -0x1p+63 (;=-9.22337e+18;)
      f64.ge
      local.set 2
      block  ;; label = @2
        block  ;; label = @3
          local.get 14
          f64.abs
          f64.const 0x1p+63 (;=9.22337e+18;)
          f64.lt
          i32.eqz
          br_if 0 (;@3;)
          local.get 14
          i64.trunc_f64_s
          local.set 13
          br 1 (;@2;)
        end
        i64.const -9223372036854775808
        local.set 13
      end
      i32.const 1048832
      i64.const 0
      i64.const 9223372036854775807
      local.get 13
      i64.const -9223372036854775808
      local.get 2
      select
      local.get 14
      f64.const 0x1.fffffffffffffp+62 (;=9.22337e+18;)
      f64.gt
      select
      local.get 14
      local.get 14
      f64.ne
      select
      i32.wrap_i64
      i32.const 255
      i32.and
      call 1
      local.set 5
    end
    local.get 0
    i32.const 48
    i32.add
    global.set 0
    local.get 5)
  (func (;28;) (type 8) (param f64 f64) (result f64)
    local.get 1
    local.get 1
    local.get 0
    local.get 0
    local.get 1
    f64.lt
    select
    local.get 0
    local.get 0
    f64.ne
    select)
  (memory (;0;) 17)
  (global (;0;) (mut i32) (i32.const 1048576))
  (global (;1;) i32 (i32.const 1049088))
  (global (;2;) i32 (i32.const 1049088))
  (export "memory" (memory 0))
  (export "dodona_run" (func 27))
  (export "__data_end" (global 1))
  (export "__heap_base" (global 2))
  (data (;0;) (i32.const 1048576) "\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\03\03\03\03\03\03\03\03\03\03\03\03\03\03\03\03\04\04\04\04\04\00\00\00\00\00\00\00\00\00\00\00"))
