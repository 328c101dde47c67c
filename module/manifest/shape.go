package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A shape is how capabilities with fields of one type are asked for and granted: with names, with a yes, or with hosts and
// bounds ([HTTPGet]). It points to a field of a [Capabilities].
type shape interface {
	// check returns what is wrong: parameters that are out of bounds, or stand twice.
	check(of capability) []Flaw
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

func (n *names) check(of capability) (out []Flaw) {
	if len(*n) > MaxNames {
		return of.flawed(refuse(Beyond, "", "%s names %d %s, at most %d are allowed", of.name, len(*n), of.names, MaxNames))
	}
	for i, name := range *n {
		if err := dodona.CheckName(name, 1); err != nil {
			out = append(out, of.flawedAt(i, refuse(Malformed, "write the names of "+of.names+" as in the configuration", "%s: %v", of.name, err)))
		} else if slices.Contains((*n)[:i], name) {
			out = append(out, of.flawedAt(i, refuse(Malformed, "write it once", "%s names %s twice", of.name, name)))
		}
	}
	return out
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

// unlisted returns a line for each name that is asked and not allowed, with the list that would allow all of them.
func unlisted(capability string, asked, allowed []string, allows func(string) bool) (out []string) {
	lacking := slices.DeleteFunc(slices.Clone(asked), allows)
	list := slices.Concat(allowed, lacking)
	for i, name := range list {
		if strings.HasPrefix(name, "[") { // an address of IPv6, which YAML would take for a list
			list[i] = strconv.Quote(name)
		}
	}
	for _, name := range lacking {
		out = append(out, fmt.Sprintf("%s of %s: write  allow: {%s: [%s]}", capability, name, capability, strings.Join(list, ", ")))
	}
	return out
}

// A flag is a capability without parameters.
type flag bool

func (*flag) check(capability) []Flaw { return nil }

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
