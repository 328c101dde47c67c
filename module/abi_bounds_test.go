package module

import "time"

// The bounds and numbers of capabilities, as spec/abi.md has them.
const (
	maxGets       = 8
	maxSensors    = 64
	maxPorts      = 4
	maxStateKeys  = 16
	maxStateKey   = 64
	maxStateBytes = 4096

	algEd25519   = 0
	algSecp256k1 = 1
)

// The bounds and numbers of WASI preview 1.
const (
	maxFiles         = 16
	maxOpens         = 64
	maxLooks         = 64
	maxSubscriptions = 64

	clockRealtime  = 0
	clockMonotonic = 1
	monotonicStart = uint64(time.Second)

	fileCharacterDevice = 2
	fileDirectory       = 3
	fileRegular         = 4
	fileLink            = 7
	lookupFollow        = 1
	openCreate          = 1
	openDirectory       = 2
	openExclusive       = 4
	openTruncate        = 8
	rightRead           = 1 << 1
	rightWrite          = 1 << 6
	seekEnd             = 2
	direntSize          = 24

	pollWrite         = 2
	clockFlagAbsolute = 1
	subscriptionSize  = 48
	subscriptionTag   = 8
	subscriptionUnion = 16
	subscriptionTime  = 24
	subscriptionFlags = 40
)
