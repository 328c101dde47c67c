package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// Capabilities are what a module may reach beside its input. The zero value is nothing.
// A manifest asks with them, an operator grants with them.
type Capabilities struct {
	HTTPGet    *HTTPGet `json:"http_get,omitempty"`
	ReadSensor []string `json:"read_sensor,omitempty"` // names of sources, whose last journaled reading it gets
	Serial     []string `json:"serial,omitempty"`      // names of serial sources
	Files      bool     `json:"files,omitempty"`       // one directory, read-only; the operator says which
	NowMS      bool     `json:"now_ms,omitempty"`      // the round's instant
	Random     bool     `json:"random,omitempty"`      // bytes drawn from the round, the same on every machine
	Verify     bool     `json:"verify,omitempty"`      // ECDSA and Ed25519 signatures
	State      bool     `json:"state,omitempty"`       // a few bytes that outlive the round
}

// Allow is what a module may reach beside its input. Everything else is refused.
type Allow struct {
	// HTTPGet names the hosts it may GET from over HTTPS, such as [api.kraken.com]. Default: none.
	HTTPGet []string `yaml:"http_get,omitempty" json:"http_get,omitempty"`
	// ReadSensor names the sources whose last journaled reading it may see. Default: none.
	ReadSensor []string `yaml:"read_sensor,omitempty" json:"read_sensor,omitempty"`
	// Serial names the serial sources it may talk to. Default: none.
	Serial []string `yaml:"serial,omitempty" json:"serial,omitempty"`
	// Files is a folder that it may read, and nothing outside of it. Default: none.
	Files string `yaml:"files,omitempty" json:"files,omitempty"`
	// NowMS lets it know the round's instant. Default: false.
	NowMS bool `yaml:"now_ms,omitempty" json:"now_ms,omitempty"`
	// Random gives it bytes drawn from the round, the same on every machine. Default: false.
	Random bool `yaml:"random,omitempty" json:"random,omitempty"`
	// Verify lets it check ECDSA and Ed25519 signatures. Default: false.
	Verify bool `yaml:"verify,omitempty" json:"verify,omitempty"`
	// State lets it keep up to 4 KiB from round to round, journaled with the round. Default: false.
	State bool `yaml:"state,omitempty" json:"state,omitempty"`
}

// Capabilities returns what is granted with it, as a manifest asks for it.
func (a Allow) Capabilities() Capabilities {
	c := Capabilities{
		ReadSensor: a.ReadSensor, Serial: a.Serial, Files: a.Files != "",
		NowMS: a.NowMS, Random: a.Random, Verify: a.Verify, State: a.State,
	}
	if len(a.HTTPGet) > 0 {
		c.HTTPGet = &HTTPGet{Hosts: a.HTTPGet}
	}
	return c
}

// MaxNames is how many names a list of capabilities may have.
const MaxNames = 64

// Check returns an error, a [*Refusal], unless every parameter is within bounds and stands once.
func (c Capabilities) Check() error {
	if c.HTTPGet != nil {
		if err := c.HTTPGet.check(); err != nil {
			return err
		}
	}
	for _, l := range c.lists() {
		if err := checkSources(l.name, *l.field); err != nil {
			return err
		}
	}
	return nil
}

func checkSources(capability string, names []string) error {
	if len(names) > MaxNames {
		return refuse(Beyond, "", "%s names %d sources, at most %d are allowed", capability, len(names), MaxNames)
	}
	for i, name := range names {
		if err := dodona.CheckName(name, 1); err != nil {
			return refuse(Malformed, "write the names of sources as in the configuration", "%s: %v", capability, err)
		}
		if slices.Contains(names[:i], name) {
			return refuse(Malformed, "write it once", "%s names %s twice", capability, name)
		}
	}
	return nil
}

// Sentences says what c lets a module do, to the operator: one sentence a line, the last "nothing else".
func (c Capabilities) Sentences() []string {
	var out []string
	if c.HTTPGet != nil {
		g := c.HTTPGet.WithDefaults()
		for _, host := range g.Hosts {
			out = append(out, fmt.Sprintf("may GET https://%s, ≤ %d/s, ≤ %s", host, g.PerSecond, size(g.Bytes)))
		}
	}
	for _, l := range c.lists() {
		for _, name := range *l.field {
			out = append(out, l.sentence+" "+name)
		}
	}
	for _, f := range c.flags() {
		if *f.field {
			out = append(out, f.sentence)
		}
	}
	if len(out) == 0 {
		return []string{"may reach nothing but its input"}
	}
	return append(out, "nothing else")
}

func size(n int) string {
	if n%1024 == 0 {
		return strconv.Itoa(n/1024) + " KiB"
	}
	return strconv.Itoa(n) + " bytes"
}

// A list is a capability whose parameters are names of sources.
type list struct {
	name     string
	field    *[]string
	sentence string // before a name
}

// lists returns those of c, in the order of their names in the manifest.
func (c *Capabilities) lists() []list {
	return []list{
		{"read_sensor", &c.ReadSensor, "may read sensor"},
		{"serial", &c.Serial, "may read and write serial port"},
	}
}

// A flag is a capability without parameters.
type flag struct {
	name     string
	field    *bool
	sentence string
}

// Everything returns a value with every capability, for looking at modules that nobody asks anything for yet. It is no
// grant: its names and hosts are none.
func Everything() Capabilities {
	c := Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"host"}}}
	for _, l := range c.lists() {
		*l.field = []string{"source"}
	}
	for _, f := range c.flags() {
		*f.field = true
	}
	return c
}

// flags returns those of c, in the order of their names in the manifest.
func (c *Capabilities) flags() []flag {
	return []flag{
		{"files", &c.Files, "may read the files of one directory, which you choose"},
		{"now_ms", &c.NowMS, "may know the instant of the round"},
		{"random", &c.Random, "may draw random bytes, the same on every machine"},
		{"verify", &c.Verify, "may check ECDSA and Ed25519 signatures"},
		{"state", &c.State, "may keep 4 KiB from one round to the next"},
	}
}

// Add adds one capability as it is written on a command line: http_get=HOST, http_get.perSecond=N, http_get.bytes=N,
// read_sensor=NAME, serial=NAME, files, now_ms, random, verify or state.
func (c *Capabilities) Add(text string) error {
	name, value, valued := strings.Cut(text, "=")
	get := func() *HTTPGet {
		if c.HTTPGet == nil {
			c.HTTPGet = &HTTPGet{}
		}
		return c.HTTPGet
	}
	number := func(field *int) error {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return fmt.Errorf("capability %s: want a whole number above 0", quote(text))
		}
		*field = int(n)
		return nil
	}
	switch name {
	case "http_get":
		get().Hosts = append(get().Hosts, strings.Split(value, ",")...)
		return nil
	case "http_get.perSecond":
		return number(&get().PerSecond)
	case "http_get.bytes":
		return number(&get().Bytes)
	}
	for _, l := range c.lists() {
		if l.name == name {
			*l.field = append(*l.field, strings.Split(value, ",")...)
			return nil
		}
	}
	for _, f := range c.flags() {
		if f.name == name && !valued {
			*f.field = true
			return nil
		}
	}
	return fmt.Errorf("capability %s: want http_get=HOST, http_get.perSecond=N, http_get.bytes=N, read_sensor=NAME, serial=NAME, files, now_ms, random, verify or state", quote(text))
}
