// Package tags reads the points of a device, which plants call its tags: from a configuration, each under its name, or from a file of
// comma-separated values (RFC 4180), because nobody types a thousand registers into YAML.
//
// The first line of such a file names the columns: name is that of the point, the others are the settings of one point.
//
//	name,holding,type,scale,unit
//	temperature,100,int16,0.1,Cel
//	pressure,102,float32,,bar
//
// An empty cell leaves its setting out; a column note, comment or description is for people. A list or a map stands in a cell as it does in YAML: {off: 0, on: 1}. Lines that begin with # and empty
// ones count for nothing; columns may be set apart by semicolons or tabs, as spreadsheets do elsewhere.
package tags

import (
	"fmt"
	"reflect"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// A Map has what R says of each point, by name. In YAML it is a map of names, or {file: tags.csv}.
type Map[R any] map[string]R

// file is the key of a map that names a file.
const file = "file"

// ReadNode reads the points, or the file that has them.
func (m *Map[R]) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	if path, is := fileOf(n); is {
		readFile(d, n, path, key, reflect.ValueOf(m).Elem())
		return
	}
	points := map[string]R(*m)
	d.Into(reflect.ValueOf(&points), n, key)
	*m = points
}

// fileOf returns the value of a map {file: PATH}. A point may be called file: it has a map of its own.
func fileOf(n *strict.Node) (path *strict.Node, is bool) {
	if n.Kind != strict.Mapping {
		return nil, false
	}
	for _, e := range n.Entries {
		if e.Key == file && e.Value.Kind == strict.Scalar {
			return e.Value, true
		}
	}
	return nil, false
}

// readFile fills points, a map, from the file that n names, and puts what stands there in place of n, so that what is found wrong
// with a point later is told where it stands.
func readFile(d *strict.Decoder, n, path *strict.Node, key string, points reflect.Value) {
	for _, e := range n.Entries {
		e.At.Show = e.Key == file
		if e.Key != file {
			d.Report.Add(strict.Mistake{Where: d.Where, Message: fmt.Sprintf("%s: %s stands beside the file that has the points", key, strict.Quote(e.Key)), Hint: "name the points in one place"}, e.At)
		}
	}
	path.At.Show = true
	src, err := read(path.Text)
	if err != nil {
		d.Report.Add(strict.Mistake{Where: d.Where, Message: fmt.Sprintf("%s.%s: %v", key, file, err)}, path.At)
		return
	}
	beside := *d
	beside.Report = d.Report.Beside(path.Text, src)
	rows := rowsOf(&beside, src, points.Type().Elem())
	if rows == nil {
		return
	}
	out := reflect.MakeMapWithSize(points.Type(), len(rows))
	for _, row := range rows {
		value := reflect.New(points.Type().Elem()).Elem()
		beside.Into(value, row.Value, key+"."+row.Key)
		out.SetMapIndex(reflect.ValueOf(row.Key), value)
	}
	points.Set(out)
	*n = strict.Node{Kind: strict.Mapping, At: n.At, Entries: rows}
}
