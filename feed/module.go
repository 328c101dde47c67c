package feed

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// Module names the Wasm module that makes a feed's points, and what it may do.
type Module struct {
	// Name is the module's name: NAME-VERSION.wasm in modules.dir. Required.
	Name string `yaml:"name" json:"name"`
	// Version is the module's version (Semantic Versioning), exactly. Required.
	Version string `yaml:"version" json:"version"`
	// Params are what the module is told, by name, such as max: 180. They are part of the feed's rules, so the same
	// on every node of a network, and no secret. Default: none.
	Params map[string]string `yaml:"params,omitempty" json:"params,omitempty"`
	// Allow is what the module may reach beside its input. What its manifest asks for and this does not allow keeps
	// the feed from starting. Default: nothing.
	Allow manifest.Allow `yaml:"allow,omitempty" json:"allow,omitzero"`
}

const (
	maxParams     = 64
	maxParamBytes = 1024
)

func (v *validation) points(s Settings) {
	v.want(len(s.Points) <= MaxFrom, "points", "names %d points, at most %d are combined", len(s.Points), MaxFrom)
	for i, id := range s.Points {
		if err := dodona.CheckName(id, 2); err != nil {
			v.want(false, "points", "%w", err)
		}
		v.want(!slices.Contains(s.Points[:i], id), "points", "names %q twice", id)
	}
}

func (v *validation) module(s Settings) {
	if s.Module == nil {
		return
	}
	m := *s.Module
	if m.Name == "" || m.Version == "" {
		v.want(false, "module", "name and version are both needed, such as module: {name: plausible, version: 1.2.0}")
	} else {
		v.refuse("module.name", manifest.CheckName(m.Name))
		v.refuse("module.version", manifest.CheckVersion(m.Name, m.Version))
	}
	for _, flaw := range m.Allow.Flaws() {
		v.refuse("module.allow."+flaw.Setting, flaw.Refusal)
	}
	v.want(len(m.Params) <= maxParams, "module", "%d params, at most %d are told", len(m.Params), maxParams)
	for _, name := range slices.Sorted(maps.Keys(m.Params)) {
		v.want(name != "" && len(name)+len(m.Params[name]) <= maxParamBytes, "module", "param %.64q: name and value have more than %d bytes", name, maxParamBytes)
	}
}

// refuse records why no module could be found, or be granted, what a setting says.
func (v *validation) refuse(field string, err error) {
	if refusal := (*manifest.Refusal)(nil); errors.As(err, &refusal) {
		v.mistakes = append(v.mistakes, &FieldError{field, unfit{refusal}})
	}
}

// unfit is a refusal whose advice is told beside it.
type unfit struct{ *manifest.Refusal }

func (u unfit) Error() string { return u.What }

// Hint says what to do.
func (u unfit) Hint() string { return u.Do }

// combined returns the ids of the points whose values are combined: those that a module makes, or else those asked for.
func (s Settings) combined() []string {
	if len(s.Points) > 0 {
		return s.Points
	}
	return s.From
}

// given returns an input for every source that is asked but not combined itself, because a module makes other points of
// its readings.
func (e *evaluation) given(absent map[string]Absence) []dodona.Input {
	var inputs []dodona.Input
	for _, id := range e.doc.From {
		if len(e.doc.Points) == 0 || slices.Contains(e.doc.Points, id) {
			continue
		}
		source, _ := dodona.SplitPointID(id)
		input := dodona.Input{Source: source, Point: id, Status: dodona.InputGiven}
		if a, found := absent[input.Source]; found {
			input.Status, input.Reason = a.Status, a.Reason
		}
		inputs = append(inputs, input)
	}
	return inputs
}

// combined returns the ids of the points whose values are combined.
func (d Document) combined() []string {
	if len(d.Points) > 0 {
		return d.Points
	}
	return d.From
}

// madeSource returns the source to name for a point that is combined: none if a module made it out of others.
func (d Document) madeSource(id string) string {
	if !slices.Contains(d.From, id) {
		return ""
	}
	source, _ := dodona.SplitPointID(id)
	return source
}

// unmade says why a module made no point: the first source that is absent, or the module itself.
func (e *evaluation) unmade(absent map[string]Absence) (dodona.InputStatus, string) {
	for _, source := range sourcesOf(e.doc.From) {
		if a, found := absent[source]; found {
			return a.Status, fmt.Sprintf("source %s: %s", source, a.Reason)
		}
	}
	return dodona.InputBad, "the module made no such point"
}
