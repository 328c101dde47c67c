package file

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxDone       = 4096      // files that were read and may lie in the folder still
	maxBegun      = 16        // files whose writers went on while they were read
	maxWaiting    = 10_000    // files of the folder that are looked at
	maxQueued     = 1024      // files that are read without another look at the folder
	maxDropCursor = 256 << 10 // more than a cursor takes
)

// drops reads files whole that others drop into a folder, one after the other, the one that was written first at first. A file
// counts once it has settled. What was read is in the cursor, so in the journal before anything becomes of the file: a kill between the two leaves
// a file that is known to be read.
type drops struct {
	hourly
	settings Settings
	at       place // its base is the pattern

	mu      sync.Mutex
	folder  folder
	seen    map[string]sighting // by name
	done    []string            // keys of files that were read whole, the last one last
	refused map[string]stamp    // by name: files that cannot be read as they are
	now     *dropped            // the one that is being read
	queue   []stamp             // files that had settled at the last look, the next one first
	given   *given              // what was returned last, until it is acknowledged
	lying   []stamp             // files that were read whole and are there still
	begun   map[string]position // by name: up to where files were read that were not read whole
	rest    time.Time           // until then the folder is not looked at again
	swept   bool                // what a kill left was looked for
}

// A sighting is a file as it is since a time.
type sighting struct {
	stamp
	since time.Time
}

// A given is a part of a file that was returned.
type given struct {
	file stamp
	from *position // where it begins; nil: at the file's start
}

// A dropPosition is the cursor of drops.
type dropPosition struct {
	Drops string     `json:"drops"` // the path, as configured
	Done  []string   `json:"done"`
	Begun []position `json:"begun"` // in files that are not read whole yet; their paths are names
}

func openDrops(s Settings, env source.Env) *drops {
	d := &drops{
		settings: s, at: placeOf(s.Path),
		seen: map[string]sighting{}, begun: map[string]position{}, refused: map[string]stamp{}, hourly: newHourly(env),
	}
	if env.Cursor == nil {
		return d
	}
	was, err := parseDrops(env.Cursor)
	if err != nil || was.Drops != s.Path {
		env.Log.Warn(fmt.Sprintf("%s: what was read last is not of these files; all that lie there are read", env.Source), "source", env.Source)
		return d
	}
	d.done = was.Done
	for _, p := range was.Begun {
		d.begun[p.Path] = p
	}
	return d
}

// parseDrops reads a cursor that [drops.cursor] wrote.
func parseDrops(cursor []byte) (was dropPosition, err error) {
	if len(cursor) > maxDropCursor {
		return was, errCursor
	}
	if err := form.Of[dropPosition]().Read(cursor, "the cursor", &was); err != nil {
		return was, errCursor
	}
	invalid := func(p position) bool { return !p.valid() || filepath.Base(p.Path) != p.Path }
	if len(was.Done) > maxDone || slices.ContainsFunc(was.Done, func(k string) bool { return len(k) != keySize }) ||
		len(was.Begun) > maxBegun || slices.ContainsFunc(was.Begun, invalid) {
		return dropPosition{}, errCursor
	}
	return was, nil
}

func (d *drops) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letGo()
}

func (d *drops) letGo() {
	if d.now != nil {
		d.now.close()
		d.now = nil
	}
}

// look returns the next part of the file that is being read, or of the next one that has settled.
func (d *drops) look(ended func() error) (dodona.Batch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	d.takeBack()
	for {
		if err := ended(); err != nil {
			return dodona.Batch{}, err
		}
		if d.now == nil {
			if found, err := d.next(); err != nil || !found {
				return dodona.Batch{}, err
			}
		}
		batch, again, err := d.part()
		if !again || err != nil {
			return batch, err
		}
	}
}

// part returns the next part of the file that is being read. Again says that there is none, and that another file may have some.
func (d *drops) part() (batch dodona.Batch, again bool, err error) {
	n := d.now
	from, header := n.safe, n.table.newHeader()
	p, err := n.read(d)
	if err == nil && !n.unchanged() {
		err = errChanged
	}
	if err != nil {
		d.letGo()
		return batch, true, d.leftOff(n, from, header, err)
	}
	if !p.done && len(p.readings) == 0 {
		return batch, true, nil
	}
	end := d.positionIn(n, n.safe, n.table.newHeader())
	if end == nil {
		d.letGo()
		return batch, true, d.leftOff(n, from, header, errChanged)
	}
	gave := &given{file: n.stamp}
	if was, begun := d.begun[n.name]; begun {
		gave.from = &was
	}
	d.begun[n.name] = *end
	if p.done {
		delete(d.begun, n.name)
		d.letGo()
		d.note(n.key())
	}
	batch.Readings = p.readings
	batch.Cursor = d.cursor()
	if d.env.Trial {
		return batch, false, nil // nobody acknowledges it
	}
	d.given = gave
	batch.Ack = func(context.Context) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.given != gave {
			return nil // too late: it was taken back
		}
		d.given = nil
		if !p.done {
			return nil
		}
		return d.finish(n.stamp, end)
	}
	return batch, false, nil
}

// takeBack leaves a file where it is of which a part was returned and not acknowledged: the journal gave it up, and it has no other copy. It
// counts as read up to there, and is read on once it is another one, or at the next start, when the journal may take more.
func (d *drops) takeBack() {
	g := d.given
	if g == nil {
		return
	}
	d.given = nil
	d.letGo()
	d.forget(g.file.key())
	delete(d.begun, g.file.name)
	at := int64(0)
	if g.from != nil {
		d.begun[g.file.name], at = *g.from, g.from.Offset
	}
	d.refused[g.file.name] = g.file
	d.say(fmt.Sprintf("the journal did not take what %s has from byte %d on; the file stays where it is, and is read on from there at the next start, or once it was written to", g.file.name, at))
}

// makeRoom forgets up to where a file was read that cannot be read on, which then begins anew, so that another one can begin.
func (d *drops) makeRoom() bool {
	if len(d.begun) < maxBegun {
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(d.begun)) {
		if _, refused := d.refused[name]; refused {
			delete(d.begun, name)
			return true
		}
	}
	return false
}

// leftOff says what becomes of a file that could not be read on from a place. Nothing of it that comes now was handed out.
func (d *drops) leftOff(n *dropped, from int64, header string, why error) error {
	if errors.Is(why, errChanged) {
		delete(d.seen, n.name)
		delete(d.begun, n.name)
		if p := d.positionIn(n, from, header); p != nil {
			d.begun[n.name] = *p
		}
		d.say(fmt.Sprintf("%s was written to while it was read, and is read on from byte %d once it has settled again; is settle (%s) shorter than its writer pauses?", n.name, from, d.settings.Settle))
		return nil
	}
	if dodona.IsPermanent(why) {
		d.refuse(n.stamp, why)
		return nil
	}
	return why
}

// refuse leaves a file where it is, until somebody changes it.
func (d *drops) refuse(s stamp, why error) {
	d.refused[s.name] = s
	d.env.Dropped(1, why.Error()+"; the file stays where it is")
}

// positionIn returns a place in a file, with the header in force there.
func (d *drops) positionIn(n *dropped, at int64, header string) *position {
	p := position{Path: n.name, Offset: at, Inode: n.inode, Modified: n.modified, Born: n.born, Since: never, Header: header}
	info, err := os.Stat(n.path)
	if err != nil || n.file == nil || info.Size() < at {
		return nil
	}
	if p.Head, p.Tail, err = fingerprints(n.file, at); err != nil {
		return nil // it was cut short: what is there now is another file
	}
	return &p
}

func (d *drops) cursor() []byte {
	c := dropPosition{Drops: d.settings.Path, Done: d.done, Begun: []position{}}
	if c.Done == nil {
		c.Done = []string{}
	}
	for _, name := range slices.Sorted(maps.Keys(d.begun)) {
		c.Begun = append(c.Begun, d.begun[name])
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("positions do not marshal: " + err.Error()) // they have no value that could not
	}
	return text
}

// enqueue looks at the folder once every file that had settled was read: a look at many files takes long. No more are queued than can be
// told apart from those that lie there.
func (d *drops) enqueue() error {
	if len(d.queue) > 0 {
		return nil
	}
	waiting, err := d.scan()
	if err != nil {
		return err
	}
	slices.SortFunc(waiting, func(a, b stamp) int {
		return cmp.Or(a.modified.Compare(b.modified), strings.Compare(a.name, b.name))
	})
	d.queue = slices.Clone(waiting[:min(len(waiting), maxQueued, max(1, maxDone-len(d.lying)))])
	return nil
}

// next opens the next file that has settled.
func (d *drops) next() (found bool, err error) {
	if err := d.enqueue(); err != nil {
		return false, err
	}
	for len(d.queue) > 0 {
		s := d.queue[0]
		d.queue = d.queue[1:]
		n, err := d.openDropped(s)
		switch {
		case errors.Is(err, os.ErrNotExist), errors.Is(err, errChanged):
			continue
		case dodona.IsPermanent(err):
			d.refuse(s, err)
			continue
		case err != nil:
			d.say(err.Error())
			continue
		case isWritten(n.file):
			n.close()
			continue // a writer has it open, however long it pauses
		}
		d.goOn(n)
		if _, begun := d.begun[n.name]; !begun && !d.makeRoom() {
			n.close()
			d.say(fmt.Sprintf("%d files were written to while they were read; no other one is begun before one of them has settled; is settle (%s) shorter than their writers pause?", maxBegun, d.settings.Settle))
			continue
		}
		d.now = n
		return true, nil
	}
	return false, d.unfinished()
}

// goOn takes a file up where the last start, or its writer, interrupted it.
func (d *drops) goOn(n *dropped) {
	was, begun := d.begun[n.name]
	if !begun {
		return
	}
	if n.inode != was.Inode || differ(n.born, was.Born) || !was.matches(n.file, n.size) {
		delete(d.begun, n.name)
		d.env.Dropped(1, fmt.Sprintf("%s was replaced after it was read up to byte %d; what followed there was not read, and the new file is read whole", n.name, was.Offset))
		return
	}
	n.at, n.safe = was.Offset, was.Offset
	if d.settings.Format != formatDocument {
		n.countBefore()
	}
	if n.table != nil && was.Offset > 0 {
		n.table.resume(was.Header)
		n.table.learn(n.file, was.Offset, int(d.settings.MaxLine))
	}
}

// gone tells of a file that is not there any more, and was not read whole.
func (d *drops) gone(there map[string]bool) {
	for name, was := range d.begun {
		if !there[name] && (d.now == nil || d.now.name != name) {
			delete(d.begun, name)
			d.env.Dropped(1, fmt.Sprintf("%s was removed after it was read up to byte %d; what follows there was not read", name, was.Offset))
		}
	}
}

// scan returns the files that have settled and were not read.
func (d *drops) scan() (waiting []stamp, err error) {
	began := time.Now()
	if began.Before(d.rest) && began.Add(maxScanRest).After(d.rest) { // the clock may have been set back
		return nil, nil
	}
	hidden := strings.HasPrefix(d.at.base, ".")
	names, err := d.folder.list(d.at, func(name string) bool {
		matches, err := filepath.Match(d.at.base, name)
		return err == nil && matches && (hidden || name[0] != '.') && !isUnfinished(name)
	})
	if err != nil {
		return nil, fmt.Errorf("look for files called as in %s: %w%s", d.settings.Path, err, permit(err, d.settings.Path))
	}
	if len(names) > maxWaiting {
		d.say(fmt.Sprintf("%d files are called as in %s; the first %d by name are looked at", len(names), d.settings.Path, maxWaiting))
		names = names[:maxWaiting]
	}
	there := map[string]bool{}
	done := make(map[string]bool, len(d.done))
	for _, key := range d.done {
		done[key] = true
	}
	d.lying = nil
	for _, name := range names {
		path := filepath.Join(d.at.dir, name)
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		there[name] = true
		s := stampOf(path, info)
		switch {
		case !utf8.ValidString(name):
			d.say(fmt.Sprintf("the name %q is not UTF-8, so the file is not read", name))
		case !info.Mode().IsRegular():
			if !info.IsDir() {
				d.say(fmt.Sprintf("%s is a %s, and only regular files are read", name, kindOfDropped(info.Mode())))
			}
		case done[s.key()]:
			d.lying = append(d.lying, s)
		case d.refused[name] == s:
		case d.seen[name].stamp != s:
			d.seen[name] = sighting{s, began}
			if d.settings.Settle == 0 && s.size > 0 {
				waiting = append(waiting, s)
			}
		case s.size > 0 && began.Sub(d.seen[name].since) >= d.settings.Settle:
			waiting = append(waiting, s)
		}
	}
	maps.DeleteFunc(d.seen, func(name string, _ sighting) bool { return !there[name] })
	maps.DeleteFunc(d.refused, func(name string, _ stamp) bool { return !there[name] })
	d.rest = time.Now().Add(min(scanShare*time.Since(began), maxScanRest))
	d.gone(there)
	if len(d.lying) >= maxDone && len(waiting) > 0 {
		return nil, fmt.Errorf("read files called as in %s: %d that were read lie there, and no more can be told apart; %s", d.settings.Path, len(d.lying), d.remedy())
	}
	return waiting, nil
}

func (d *drops) remedy() string {
	if d.settings.After == afterKeep {
		return "let them be moved or deleted (after)"
	}
	return "let the node write to the folder, so that it can put them away"
}

// note remembers that a file was read whole. Of many, the oldest one is forgotten that is not there any more.
func (d *drops) note(key string) {
	d.done = append(d.done, key)
	if len(d.done) <= maxDone {
		return
	}
	lies := make(map[string]bool, len(d.lying))
	for _, s := range d.lying {
		lies[s.key()] = true
	}
	forgotten := max(0, slices.IndexFunc(d.done, func(k string) bool { return !lies[k] }))
	d.done = slices.Delete(d.done, forgotten, forgotten+1)
}

// forget forgets a file that is not there any more.
func (d *drops) forget(key string) {
	d.done = slices.DeleteFunc(slices.Clone(d.done), func(k string) bool { return k == key })
}

func kindOfDropped(m os.FileMode) string {
	if m&os.ModeSymlink != 0 {
		return "link"
	}
	return kindOf(m)
}

// isUnfinished reports whether a name is one that programs give to what they have not written whole.
func isUnfinished(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".temp", ".swp", ".writing", ".uploading", ".lock":
		return true
	}
	return strings.HasSuffix(name, "~")
}

// isDone reports whether a file was read whole.
func (d *drops) isDone(s stamp) bool { return slices.Contains(d.done, s.key()) }
