package strict

import (
	"regexp"
	"slices"
	"strings"
)

// pathKeys are the settings whose text is a path of the file system.
var pathKeys = []string{"data", "file", "dir", "path", "ca"}

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

// path warns of a path that a shell would have read differently.
func (d *Decoder) path(n *Node, key string) {
	if !slices.Contains(pathKeys, key[strings.LastIndexByte(key, '.')+1:]) {
		return
	}
	for _, m := range shellMarks {
		if m.mark.MatchString(n.Text) {
			d.Report.Warn(n.At, d.Where, key+" is taken as it stands: "+m.what+" is a part of its name", "write the path out")
			return
		}
	}
}
