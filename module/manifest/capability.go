package manifest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// Ways are all capabilities, one a field: what a module may reach beside its input. A manifest asks with them
// ([Capabilities]), the configuration of a feed allows them ([Allow]). G and F are the types of the two that are allowed in
// other words than they are asked for.
//
// The type of a field is a [shape]. Its comment is the manual of the configuration. Its tags are its key there and in
// manifests, and:
//
//	says:"may …"     what it lets a module do, to the operator; before each of its names, if it has names
//	names:"sources"  what it has names of
//	allow:"FOLDER"   what is written where it is allowed, unless that is names, or true
//
// Whatever is signed has them in this order, without those that are not there, so a new one comes last.
type Ways[G, F any] struct {
	// HTTPGet names the hosts it may GET from over HTTPS, such as [api.kraken.com]. Default: none.
	HTTPGet G `yaml:"http_get,omitempty" json:"http_get,omitempty" says:"may GET"`
	// ReadSensor names the sources whose last journaled reading it may see. Default: none.
	ReadSensor []string `yaml:"read_sensor,omitempty" json:"read_sensor,omitempty" says:"may read sensor" names:"sources"`
	// Serial names the serial sources it may talk to; no kind of source of this release is one. Default: none.
	Serial []string `yaml:"serial,omitempty" json:"serial,omitempty" says:"may read and write serial port" names:"sources"`
	// Files is a folder that it may read, and nothing outside of it. Default: none.
	Files F `yaml:"files,omitempty" json:"files,omitempty" says:"may read the files of one directory, which you choose" allow:"FOLDER" path:"folder"`
	// NowMS lets it know the round's instant. Default: false.
	NowMS bool `yaml:"now_ms,omitempty" json:"now_ms,omitempty" says:"may know the instant of the round"`
	// Random gives it bytes drawn from the round, the same on every machine. Default: false.
	Random bool `yaml:"random,omitempty" json:"random,omitempty" says:"may draw random bytes, the same on every machine"`
	// Verify lets it check ECDSA and Ed25519 signatures. Default: false.
	Verify bool `yaml:"verify,omitempty" json:"verify,omitempty" says:"may check ECDSA and Ed25519 signatures"`
	// State lets it keep up to 4 KiB from round to round, journaled with the round. Default: false.
	State bool `yaml:"state,omitempty" json:"state,omitempty" says:"may keep 4 KiB from one round to the next"`
}

// Capabilities are what a module asks for, or is granted. The zero value is nothing. It asks to fetch with bounds, and for
// one folder; which one, the operator says.
type Capabilities Ways[*HTTPGet, bool]

// Allow is what a module may reach beside its input. Everything else is refused.
type Allow Ways[[]string, string]

// Capabilities returns what is granted with it, as a manifest asks for it.
func (a Allow) Capabilities() (c Capabilities) {
	allowed, granted := reflect.ValueOf(a), reflect.ValueOf(&c).Elem()
	for i := range granted.NumField() {
		if allowed.Field(i).Type() == granted.Field(i).Type() {
			granted.Field(i).Set(allowed.Field(i))
		}
	}
	c.Files = a.Files != ""
	if len(a.HTTPGet) > 0 {
		c.HTTPGet = &HTTPGet{Hosts: a.HTTPGet}
	}
	return c
}

// A capability is one of a Capabilities.
type capability struct {
	name  string // its key
	says  string
	names string
	allow string
	shape
}

// all returns those of c that there are, granted or not, in the order of the manifest.
func (c *Capabilities) all() []capability {
	v := reflect.ValueOf(c).Elem()
	list := make([]capability, v.NumField())
	for i := range list {
		tag := v.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		list[i] = capability{name, tag.Get("says"), tag.Get("names"), tag.Get("allow"), shapeOf(v.Field(i).Addr().Interface())}
	}
	return list
}

// Check returns an error, a [*Refusal], unless every parameter is within bounds and stands once.
func (c Capabilities) Check() error {
	for _, flaw := range c.flaws() {
		return flaw.Refusal
	}
	return nil
}

func (c Capabilities) flaws() (out []Flaw) {
	for _, one := range c.all() {
		out = append(out, one.check(one)...)
	}
	return out
}

// A Flaw is something that is wrong with one setting of an [Allow].
type Flaw struct {
	Setting string // "http_get", or "http_get[1]" for the second of its names
	*Refusal
}

// Flaws returns all that is wrong with a by itself: what no manifest could ask for. Whether there are such sources, the
// configuration knows.
func (a Allow) Flaws() []Flaw { return a.Capabilities().flaws() }

// flawed returns the one flaw of a capability.
func (of capability) flawed(r *Refusal) []Flaw { return []Flaw{{of.name, r}} }

// flawedAt returns a flaw of one of its names.
func (of capability) flawedAt(i int, r *Refusal) Flaw {
	return Flaw{fmt.Sprintf("%s[%d]", of.name, i), r}
}

// Sentences says what c lets a module do, to the operator: one sentence a line, the last "nothing else".
func (c Capabilities) Sentences() []string {
	var out []string
	for _, one := range c.all() {
		out = append(out, one.sentences(one.says)...)
	}
	if len(out) == 0 {
		return []string{"may reach nothing but its input"}
	}
	return append(out, "nothing else")
}

// Everything returns a value with every capability, for looking at modules that nobody asks anything for yet. It is no
// grant: its names and hosts are none.
func Everything() (c Capabilities) {
	for _, one := range c.all() {
		one.pretend()
	}
	return c
}

// Forms returns what [Capabilities.Add] takes, for people: "http_get=HOST", "read_sensor=NAME", "files" and so on.
func Forms() (out []string) {
	for _, one := range new(Capabilities).all() {
		out = append(out, one.forms(one.name)...)
	}
	return out
}

// Written returns what c lets a module reach as [Capabilities.Add] takes it, one thing a text, without bounds.
func (c Capabilities) Written() (out []string) {
	for _, one := range c.all() {
		out = append(out, one.written(one.name)...)
	}
	return out
}

// Has reports whether c has anything of the capability with a name.
func (c Capabilities) Has(name string) bool {
	for _, one := range c.all() {
		if one.name == name {
			return len(one.written(name)) > 0
		}
	}
	return false
}

// Add adds one capability as it is written on a command line, in one of the [Forms].
func (c *Capabilities) Add(text string) error {
	name, value, valued := strings.Cut(text, "=")
	name, bound, dotted := strings.Cut(name, ".")
	for _, one := range c.all() {
		if one.name != name {
			continue
		}
		err := errForm // of a dot with nothing behind it
		if bound != "" || !dotted {
			err = one.add(bound, value, valued)
		}
		if errors.Is(err, errForm) {
			break
		}
		if err != nil {
			return fmt.Errorf("capability %s: %w", quote(text), err)
		}
		return nil
	}
	return fmt.Errorf("capability %s: want %s", quote(text), strict.Either(Forms()))
}
