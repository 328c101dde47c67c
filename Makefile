# Every target says what it needs. `make` alone lists them.
SHELL := /bin/bash
export CGO_ENABLED := 0
# As everything is built that somebody gets, also by tests: what was compiled for one is there for the others.
export GOFLAGS := $(filter-out -trimpath,$(GOFLAGS)) -trimpath

FUZZTIME ?= 1000000x
SOAKTIME ?= 10m
TASKS    ?= 20
TIMES    ?= 3
PACKAGES ?= ./...
MUTANTS  ?= . sign quorum anchor feed journal sink
LOG      := .cache/tests.json
# Neither these nor their tests start a goroutine, so the race detector, several times as slow, finds nothing: raced_test.go.
ALONE    := ./anchor ./config ./explain ./extract ./internal/calldata ./internal/strict ./module/wasm ./source/sql/sqlite ./verify
# These take longest: they begin first, so that none is left to run alone, those first of which one test follows on the other, beside
# those that wait for servers and leave a processor to others. What sink/evm is tested with takes minutes to compile.
LONGEST  := ./cmd/dodona ./node ./journal ./source/opcua ./source/sql ./source/knx ./sink/evm ./module
AT_ONCE  := 4
# lint has vetted the tests; without symbols, which tracebacks do without, programs are linked in half the time, and a quarter smaller.
TESTED   := -p $(AT_ONCE) -parallel 4 -vet=off -ldflags='-s -w' -json -timeout 30m
# SQLite, which was translated from C, takes the race detector six minutes to compile, and has no goroutine.
NO_SQLITE := no.source.sql.sqlite
GO_FILES := $(shell git ls-files '*.go' 2>/dev/null)
VERSION  ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# ARMv7 is built without inlining where nothing is hot, for its size: docs/decisions/030-slim-armv7.md.
DODONA   := github.com/dodona-oracle/dodona
COLD     := github.com/nats-io/... github.com/alecthomas/... github.com/goccy/... github.com/klauspost/... net net/http crypto/tls crypto/x509 debug/... \
            encoding/... vendor/golang.org/x/... $(addprefix $(DODONA)/,api bus cmd/... config explain internal/ethrpc internal/strict journal/... node program/... sink/... source/...)
SLIM     := $(COLD:%=-gcflags=%=-l)
# Without the embedded bus a node needs a NATS server elsewhere: docs/decisions/063-the-bus-is-a-room-of-its-own.md.
NO_SERVER := no.bus.server
# Drivers of databases take 6 MB, for what few gateways read.
NO_SQL   := no.source.sql
# What is put on gateways has no simulated plant: it is for whoever tries Dodona, who builds it or has it from go install.
NO_SIM   := no.sim
LDFLAGS  := -s -w -X main.version=$(VERSION)

.PHONY: help demo build check lint deps test test-times generate guests guests-tinygo contracts gas differential verifier bench against fuzz crash mutants soak stress release package operations slim clean

help: ## list the targets (default)
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a small plant and three price servers, one lying and one hanging, a node on them, a live table; builds bin/dodona too (needs Go)
	@scripts/build.sh bin/demo ./cmd/demo
	@scripts/build.sh bin/dodona ./cmd/dodona
	@bin/demo

build: ## bin/dodona for this machine (needs Go)
	@scripts/build.sh bin/dodona ./cmd/dodona

check: ## quick checks of the code: format, vet, the law, tests that take no seconds (needs Go; no root, no network; a minute)
	@scripts/format.sh
	go vet ./...
	go test -short -p $(AT_ONCE) -timeout 5m $$(go list $(LONGEST) ./...)

lint: ## formatting, vet, staticcheck, the browser build (needs Go)
	@scripts/format.sh
	go vet -tags integration ./...
	go tool staticcheck -tags integration ./...
	GOOS=js GOARCH=wasm go build ./verify/
	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o /dev/null ./verify/wasm
	GOOS=wasip1 GOARCH=wasm go vet ./sdk/go/...
	GOOS=linux GOARCH=arm GOARM=7 go build -trimpath -o /dev/null ./cmd/dodona
	GOOS=linux GOARCH=arm GOARM=7 go build -trimpath -tags $(NO_SERVER) -o /dev/null ./cmd/dodona
	go vet -tags $(NO_SERVER) ./bus ./journal ./node ./cmd/dodona
	go vet -tags integration,$(NO_SIM) ./cmd/dodona

deps: ## install what the tests need (Debian packages, listed first; peers from PyPI, npm and Maven Central; does nothing twice)
	@scripts/deps.sh install
	@scripts/peers.sh

test: ## everything, with the race detector wherever goroutines meet, against real servers (runs deps where it may)
	@scripts/deps.sh ensure
	@scripts/contracts.sh deps
	@scripts/examples.sh
	@scripts/peers.sh
	@$(MAKE) --no-print-directory lint
	@scripts/generated.sh
	@echo 'go test with the race detector and servers, then without it what it does not help, and the build without a server; each line is kept in $(LOG)'
	@set -o pipefail; { \
	  CGO_ENABLED=1 go test $(TESTED) -race -tags integration,$(NO_SQLITE) $$(go list $(LONGEST) ./... | grep -vxF "$$(go list $(ALONE))") && \
	  go test $(TESTED) -tags integration $(ALONE) && \
	  scripts/spared.sh $(TESTED) -tags integration && \
	  go test $(TESTED) -tags integration ./source/sql -run 'SQLite' && go test $(TESTED) -tags integration ./source/sql -run 'Databases/SQLite' && \
	  go test $(TESTED) -tags $(NO_SERVER) ./bus ./cmd/dodona -run ABuildWithoutAServer; \
	} | go run ./scripts/testtimes -log $(LOG)
	@scripts/fuzz.sh quick

test-times: ## the slowest tests and packages of the last make test (N=20)
	@[ -e $(LOG) ] || { echo "test-times: no $(LOG): run make test first" >&2; exit 1; }
	@go run ./scripts/testtimes -n $${N:-20} <$(LOG)

generate: ## regenerate what is generated: field manual, kinds, vectors
	go generate ./...

guests: ## module/testdata/guests from the SDKs in C, Rust and AssemblyScript (runs deps where it may, with Debian's Rust: 0.3 GB)
	@scripts/deps.sh ensure rust
	@scripts/guests.sh module/testdata/guests

guests-tinygo: ## those in TinyGo; builds TinyGo in .cache first (0.7 GB, five minutes, LLVM 19 of Debian)
	@TINYGO=$$(scripts/tinygo.sh) && TINYGO=$$TINYGO scripts/guests.sh module/testdata/guests tinygo

contracts: ## compile the contracts into contracts/artifacts (needs Node and npm)
	@scripts/contracts.sh contracts/artifacts

verifier: ## web/verifier.wasm.gz, the browser's, from verify/wasm with TinyGo (built in .cache first, see guests-tinygo)
	@TINYGO=$$(scripts/tinygo.sh) && TINYGO=$$TINYGO scripts/verifier.sh

gas: ## what every call of the contracts costs, one line each; writes docs/gas.md (needs Go)
	@set -o pipefail; go test ./contracts -count=1 -v -run '^TestGas$$' -update | grep -vE '^(=== |--- PASS|PASS|ok)'

differential: ## 120,000 mutated updates judged by Go and by the contracts, which must agree (needs Go; minutes)
	@go test ./contracts -count=1 -run '^TestGoAndTheContractsJudgeAlike$$' -v -timeout 60m -cases 120000 -seed $${SEED:-1}

bench: ## the numbers of docs/benchmarks.md (needs Go; about five minutes); WHAT=field: beside Telegraf (runs deps; eight); WHAT=size: of the programs
	@[ "$(WHAT)" != field ] || scripts/deps.sh ensure
	@scripts/bench.sh $(WHAT)

against: ## is anything slower than at BASE, or a binary larger? Runs the benchmarks of both by turns, with ratios, N (6) turns (needs Go; half an hour)
	@scripts/against.sh "$(BASE)" $${N:-6}

fuzz: ## fuzz every decoder for FUZZTIME each (default 1000000x, executions; 20s is a time): hours
	@scripts/fuzz.sh $(FUZZTIME)

crash: ## kill a delivering node 50 times while 1,000 rounds go to anvil, then audit the chain (about three minutes)
	@scripts/contracts.sh deps
	DODONA_KILLS=50 DODONA_ROUNDS=1000 go test -tags integration -timeout 30m -count=1 -v -run TestKilledAtRandom ./cmd/dodona

soak: ## the demo for SOAKTIME (default 10m), watching memory, goroutines and descriptors; WHAT=field or WHAT=ground: scripts/field.sh, scripts/ground.sh
	@case "$(WHAT)" in \
	  '') scripts/build.sh bin/demo ./cmd/demo && scripts/soak.sh $(SOAKTIME) ;; \
	  field) scripts/field.sh $(SOAKTIME) ;; \
	  ground) scripts/ground.sh ;; \
	  *) echo "soak: WHAT=$(WHAT) is not known: leave it out, or say field or ground" >&2; exit 2 ;; \
	esac

mutants: ## changes in MUTANTS that no test sees, N (60) tried a package; writes docs/mutants.md unless told other ones (needs Go; an hour)
	@go run ./scripts/mutants -n $${N:-60} -seed $${SEED:-1} $(if $(filter command environment,$(foreach v,N SEED MUTANTS,$(origin $v))),,-page docs/mutants.md) $(MUTANTS)

stress: ## the tests of PACKAGES (default ./...) TIMES (3) in a row beside TASKS (20) busy tasks: hours (runs deps where it may)
	@scripts/deps.sh ensure
	@scripts/stress.sh $(TASKS) $(TIMES) $(PACKAGES)

release: ## stripped static binaries for amd64, arm64 and ARMv7 under bin/, with their sizes
	@for arch in amd64 arm64 arm; do \
	  slim=; [ $$arch = arm ] && slim="$(SLIM)"; \
	  GOOS=linux GOARCH=$$arch GOARM=7 go build -trimpath -tags $(NO_SIM) $$slim -ldflags '$(LDFLAGS)' -o bin/dodona-linux-$$arch ./cmd/dodona || exit 1; \
	done; ls -l bin/dodona-linux-* | awk '{printf "%-28s %.1f MiB\n", $$NF, $$5/1048576}'

package: ## a Debian package for amd64 under bin/, with a unit of systemd (needs Go, dpkg-deb)
	@GOOS=linux GOARCH=amd64 go build -trimpath -tags $(NO_SIM) -ldflags '$(LDFLAGS)' -o bin/dodona-linux-amd64 ./cmd/dodona
	@scripts/package.sh bin/dodona-linux-amd64 amd64 bin

operations: ## every command of docs/guide/operations.md on a clean Debian 12 with systemd (needs Go, root, debootstrap, systemd-nspawn; minutes)
	@scripts/operations.sh

slim: ## bin/dodona-linux-arm-slim for ARMv7, without the kind sql, the simulator and the embedded journal: it needs a NATS server (journal.url); with its size
	@GOOS=linux GOARCH=arm GOARM=7 go build -trimpath $(SLIM) -tags $(NO_SERVER),$(NO_SIM),$(NO_SQL) -ldflags '$(LDFLAGS)' -o bin/dodona-linux-arm-slim ./cmd/dodona
	@ls -l bin/dodona-linux-arm-slim | awk '{printf "%-28s %.1f MiB\n", $$NF, $$5/1048576}'

clean: ## remove what was built
	rm -rf bin .cache
