package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A shape is how capabilities with fields of one type are asked for and granted: with names, with a yes, or with hosts and
// bounds ([HTTPGet]). It points to a field of a [Capabilities].
type shape interface {
	// check returns an error, a [*Refusal], unless every parameter is within bounds and stands once.
	check(of capability) error
	// sentences says what it lets a module do, to the operator; nothing if it is not there.
	sentences(says string) []string
	// missing returns a line for each thing that it asks for and granted, which has the same shape, does not allow.
	missing(of capability, granted shape) []string
	// keep takes away what granted, which has the same shape, does not allow.
	keep(granted shape)
	// pretend makes it one that is there.
	pretend()
	// forms says how [Capabilities.Add] takes it, for people.
	forms(name string) []string
	// written returns what it lets a module reach, as add takes it; nothing if it is not there.
	written(name string) []string
	// add takes what stands after the name: .bound and =value. It returns errForm if it has no such form.
	add(bound, value string, valued bool) error
}

var errForm = errors.New("not written so")

// shapeOf returns the shape of a field.
func shapeOf(field any) shape {
	switch f := field.(type) {
	case *[]string:
		return (*names)(f)
	case *bool:
		return (*flag)(f)
	case **HTTPGet:
		return fetching{f}
	}
	panic(fmt.Sprintf("manifest: no capability is a %T: make it []string or bool, or give the type a shape", field))
}

// MaxNames is how many names a list of capabilities may have.
const MaxNames = 64

// Names are a capability to reach what the configuration has by these names.
type names []string

func (n *names) check(of capability) error {
	if len(*n) > MaxNames {
		return refuse(Beyond, "", "%s names %d %s, at most %d are allowed", of.name, len(*n), of.names, MaxNames)
	}
	for i, name := range *n {
		if err := dodona.CheckName(name, 1); err != nil {
			return refuse(Malformed, "write the names of "+of.names+" as in the configuration", "%s: %v", of.name, err)
		}
		if slices.Contains((*n)[:i], name) {
			return refuse(Malformed, "write it once", "%s names %s twice", of.name, name)
		}
	}
	return nil
}

func (n *names) sentences(says string) (out []string) {
	for _, name := range *n {
		out = append(out, says+" "+name)
	}
	return out
}

func (n *names) missing(of capability, granted shape) []string {
	has := *granted.(*names)
	return unlisted(of.name, *n, has, func(name string) bool { return slices.Contains(has, name) })
}

func (n *names) keep(granted shape) {
	var both []string
	for _, name := range *n {
		if slices.Contains(*granted.(*names), name) {
			both = append(both, name)
		}
	}
	*n = both
}

func (n *names) pretend() { *n = names{"name"} }

func (*names) forms(name string) []string { return []string{name + "=NAME"} }

func (n *names) written(capability string) []string { return assigned(capability, *n) }

func (n *names) add(bound, value string, _ bool) error {
	if bound != "" {
		return errForm
	}
	*n = append(*n, strings.Split(value, ",")...)
	return nil
}

// assigned returns capability=name for each name.
func assigned(capability string, names []string) (out []string) {
	for _, name := range names {
		out = append(out, capability+"="+name)
	}
	return out
}

// unlisted returns a line for each name that is asked and that a list of those that are allowed would have to have.
func unlisted(capability string, asked, allowed []string, allows func(string) bool) (out []string) {
	for _, name := range asked {
		if !allows(name) {
			out = append(out, fmt.Sprintf("%s of %s: write  allow: {%s: [%s]}", capability, name, capability, strings.Join(union(allowed, asked), ", ")))
		}
	}
	return out
}

// union returns a and what of b is not in a.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// A flag is a capability without parameters.
type flag bool

func (*flag) check(capability) error { return nil }

func (f *flag) sentences(says string) []string { return f.ifThere(says) }

func (f *flag) missing(of capability, granted shape) []string {
	if *granted.(*flag) {
		return nil
	}
	return f.ifThere(fmt.Sprintf("%s: write  allow: {%s: %s}", of.name, of.name, cmp.Or(of.allow, "true")))
}

func (f *flag) keep(granted shape) { *f = *f && *granted.(*flag) }

func (f *flag) pretend() { *f = true }

func (*flag) forms(name string) []string { return []string{name} }

func (f *flag) written(name string) []string { return f.ifThere(name) }

func (f *flag) add(bound, _ string, valued bool) error {
	if bound != "" || valued {
		return errForm
	}
	*f = true
	return nil
}

func (f *flag) ifThere(text string) []string {
	if !*f {
		return nil
	}
	return []string{text}
}
