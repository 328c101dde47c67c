package strict

import "regexp"

// A shell would have replaced these; here they stand for themselves.
var shellMarks = []struct {
	mark *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`^~`), "~"},
	{regexp.MustCompile(`\$[A-Za-z_{(]`), "$"},
	{regexp.MustCompile(`%[A-Za-z_]+%`), "%"},
	{regexp.MustCompile(`\*`), "*"},
	{regexp.MustCompile("^[\u2018-\u201f\u00ab`\"']"), "the quote"},
}

// path warns of a path that a shell would have read differently: of a setting with the tag path:"true", or with path:"pattern" if
// its last part may be a pattern, and of a secret's file.
func (d *Decoder) path(n *Node, key string, pattern bool) {
	for _, m := range shellMarks {
		if m.mark.MatchString(n.Text) && !(pattern && m.what == "*") {
			d.Report.Warn(n.At, d.Where, key+" is taken as it stands: "+m.what+" is a part of its name", "write the path out")
			return
		}
	}
}
