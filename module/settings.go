package module

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// LeastMemory is the least that all modules together can live in: one page of one of them.
const LeastMemory = 64 * unit.KiB

// Settings are where the Wasm modules that feeds name come from, and what they may take together.
type Settings struct {
	// Dir is the folder of the modules: NAME-VERSION.wasm, and NAME-VERSION.json, its signed manifest.
	// Default: modules in the data folder.
	Dir string `yaml:"dir,omitempty" path:"folder"`
	// Trust is the file that says whose signatures on modules count; `dodona module trust` makes one.
	// Default: none, and no module is taken unless unsigned is true.
	Trust string `yaml:"trust,omitempty" path:"true"`
	// Unsigned takes modules that nobody vouches for, for trying things out: the node warns. Default: false.
	Unsigned bool `yaml:"unsigned"`
	// Memory is how much memory all instances of all modules may take together at their largest, with the stack that the
	// depth of their calls allows and the code that runs; a module that does not fit is not started. Default: an eighth of
	// node.memory.
	Memory unit.Size `yaml:"memory,omitempty"`
	// Proxy that http_get of modules goes through, with its URL, user and password as a source's. It decides where a host's name leads,
	// and whether that is public; without one no address is dialled that is not. Default: none, whatever the environment says.
	Proxy httpc.Proxy `yaml:"proxy,omitempty"`
	// CA is a PEM file with the certificates that http_get trusts instead of the system's. It is read again when it changes.
	// Default: the system's.
	CA string `yaml:"ca,omitempty" path:"true"`
	// Trace is the share of events whose functions are timed one by one, 0% to 100%. Default: 1%.
	Trace unit.Percent `yaml:"trace"`
}

// Default fills in the defaults.
func (s *Settings) Default() {
	var err error
	if s.Trace, err = unit.ParsePercent("1%"); err != nil {
		panic("module: the default of modules.trace is no percentage")
	}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	if hundred, _ := dodona.ParseDecimal("100"); s.Trace.Decimal().Cmp(hundred) > 0 {
		return fmt.Errorf("trace: %s: want 0%% to 100%%", s.Trace)
	}
	if s.Proxy.URL == httpc.Environment {
		return errors.New("proxy: name its URL; what modules reach does not hang on the environment")
	}
	return s.Proxy.Check()
}

// Route is how modules reach the network.
func (s *Settings) Route() httpc.Route { return httpc.Route{Proxy: s.Proxy, CA: s.CA} }

// Sample returns the share of events whose functions are timed, 0 to 1.
func (s *Settings) Sample() float64 {
	percent, err := strconv.ParseFloat(s.Trace.Decimal().String(), 64)
	if err != nil {
		return 0
	}
	return percent / 100
}
