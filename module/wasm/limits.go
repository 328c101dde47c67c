package wasm

// The limits of a module. They keep what compiles within seconds and tens of megabytes, and let real guests pass.
// The figures after "guests" are the most that was seen in: std Go 1.26 (a reactor with encoding/json, regexp and fmt,
// 3.9 MB), AssemblyScript with json-as (-O and debug), C with wasi-libc (clang 14, -O0 to -Os; printf, strtod, malloc),
// Rust 1.63 (debug and -O3, wasm32-unknown-unknown and wasm32-wasi; println, collections). "net/http" is a Go guest with
// net/http, crypto/x509, html/template and go/parser, 16 MB: it is meant to be refused.
// The figures of compilation are wazero's compiler on one core of an AMD EPYC. What many functions at the limits cost together
// is bounded by [maxWork], [maxRoom], [maxNative] and [maxInterpreted].
const (
	// MaxBytes is the size of a file. What comes before any check, such as reading and hashing it, costs its size, so it
	// is little more than guests need. Guests: 7.3 MB (Rust, of which 6.9 MB are debug information).
	MaxBytes = 16 << 20

	// maxCode bounds the work of compiling as a whole. Guests: 2.5 MB (Go). net/http: 9.7 MB.
	maxCode = 6 << 20

	// maxTypes: 500,000 types (2 MB) cost wazero 183 MB. Guests: 52 (Rust).
	maxTypes = 4096

	// maxTypeValues is how many parameters and results all types have together. wazero makes code for each type in the process that loads, also
	// where a child compiles: 4,000 of 144 values took 57 MB there. Guests: some hundred.
	maxTypeValues = 150_000

	// maxImports: a refusal goes through all. Guests: 17 (Go).
	maxImports = 256

	// maxFunctions counts imported ones too. 200,000 empty ones (800 KB) compile in 2.7 s with 60 MB. Guests: 2,377 (Go).
	maxFunctions = 10_000

	// maxTable is how many elements a table starts with; as nothing may grow it, it has no more. A std Go module has
	// 4,096 and one for each function. Guests: 6,456. A table of 2^27 elements is 1 GB of address space.
	maxTable = 4096 + maxFunctions

	// maxGlobals: a million (5 MB) cost 173 MB, and every mutable one is copied with each event. Guests: 300
	// (AssemblyScript, debug).
	maxGlobals = 2048

	// maxExports bounds the map of their names. Guests: 7 (AssemblyScript).
	maxExports = 1024

	// maxName is how long the name of an import or export may be, because they get into messages. Guests: 19.
	maxName = 512

	// maxElementSegments and maxElements: wazero keeps each element as an expression of its own, 30 times its size in
	// the file. Guests: 1 segment, 2,360 elements (Go).
	maxElementSegments = 256
	maxElements        = 4 * maxFunctions

	// maxDataSegments: Go's linker splits the data of a program into as many as 100,000. Guests: 41,420 (Go).
	maxDataSegments = 100_000

	// maxParams and maxResults: every call moves them, and a signature costs two bytes in the file. Guests: 10 parameters
	// (Rust), 1 result.
	maxParams  = 128
	maxResults = 16

	// maxBody is the length of one function. 780 KB of straight line compile in 2.4 s with 363 MB. Guests: 51 KB (Go:
	// tables of package unicode). What it may become is bounded by [maxRoom].
	maxBody = 128 << 10

	// maxLocals counts parameters too. Ten million locals take 45 bytes in the file and 2.3 GB in wazero's interpreter.
	// Guests: 409 (Rust, debug).
	maxLocals = 4096

	// maxAllLocals counts those of all functions. Four thousand functions of 4,090 take 28 KB in the file and more than 256 MB
	// in wazero's interpreter, which sets each to zero. Guests: 12,000 (Go).
	maxAllLocals = 1 << 20

	// maxNesting is how deep blocks are nested. 100,000 (300 KB) compile for more than 60 s, 4,096 for 0.4 s, 2,048 for
	// 0.13 s. Guests: 549 (Go, which makes a block for each point where a goroutine may resume). net/http: 570.
	maxNesting = 2048

	// maxLoops and maxLoopNesting: the compiler keeps all locals of all loops apart until it has seen their ends. 200
	// nested loops with 500 locals (8 KB) compile for 25 s, 64 with 4,000 for 0.06 s; 10,000 loops in a row with 25 locals
	// (120 KB) for 12 s with 2.2 GB, 1,000 with 12 for 0.3 s. Guests: 53 loops (C), 4 nested (Rust).
	maxLoops       = 512
	maxLoopNesting = 64

	// maxBranches counts the blocks, loops, ifs, br and br_if of a function, and maxBranchLocals that times its locals:
	// where branches meet, the compiler asks for every local where it comes from. 10,000 ifs with 1,000 locals (107 KB)
	// compile for 14 s with 1.3 GB; at the limits, rewritten, 8,000 with 32 locals for 1.2 s with 133 MB. Guests: 1,638
	// branches (Go), product 66,178 (AssemblyScript, debug).
	maxBranches     = 8192
	maxBranchLocals = 1 << 18

	// maxBodyTargets counts the labels of all br_tables of a function. 2,000 tables of 500 (1 MB) compile for more than
	// 60 s, 1,000 of 7 for 0.14 s. maxTargets counts those of the module. Guests: 1,145 and 87,863 (Go, which has a
	// br_table in each function that can block). net/http: 300,231.
	maxBodyTargets = 8192
	maxTargets     = 1 << 18

	// maxOperands is the height of the operand stack. Guests: 16.
	maxOperands = 4096
)
