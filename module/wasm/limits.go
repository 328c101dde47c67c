package wasm

const (
	MaxBytes           = 16 << 20
	maxCode            = 8 << 20
	maxTypes           = 4096
	maxImports         = 256
	maxFunctions       = 16384
	maxTable           = 4096 + maxFunctions
	maxGlobals         = 2048
	maxExports         = 1024
	maxName            = 512
	maxElementSegments = 1024
	maxElements        = 65536
	maxDataSegments    = 1 << 17
	maxParams          = 128
	maxResults         = 32
	maxBody            = 128 << 10
	maxLocals          = 4096
	maxNesting         = 2048
	maxOperands        = 4096
	maxBodyTargets     = 8192
	maxTargets         = 1 << 18
	maxLoopLocals      = 32768
)
