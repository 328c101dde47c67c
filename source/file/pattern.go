package file

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/source"
)

const (
	maxFiles      = 64          // that a pattern follows at once; each takes a file descriptor
	maxGone       = 64          // files that are not followed any more, whose position is kept
	mergedBytes   = 64 << 10    // after which no lines of another file are put into a batch
	maxManyCursor = 256 << 10   // more than the positions of all of them take
	maxScanRest   = time.Minute // between two looks at a folder, however many files it has
)

// isPattern reports whether the last part of a path is a pattern of names.
func isPattern(path string) bool { return strings.ContainsAny(filepath.Base(path), "*?") }

// A many follows every log whose name matches a pattern, each an item of the source.
type many struct {
	hourly
	settings Settings
	every    time.Duration
	at       place // its base is the pattern

	members map[string]*follower // by name
	gone    []position           // of files that are not followed any more, the last one last
	skipped map[string]int64     // of files beyond those that are followed: up to where what is there counts for nothing
	scanned bool                 // what comes from now on is new
	full    bool                 // nothing makes room for files that are older than the last one looked at
	folder  folder
	looked  time.Time // when the folder was found last to have no other files than are known
	seen    time.Time // when the names were read that are known
	names   []string  // of them, those that are logs of their own
	rest    time.Time // until then the folder is not looked at again: many files take long
	next    int       // whose turn it is
}

// A manyPosition is the cursor of many: the positions by name, whose paths are those names.
type manyPosition struct {
	Pattern string     `json:"pattern"`
	Files   []position `json:"files"`
	Gone    []position `json:"gone"`
}

func openMany(s Settings, env source.Env, every time.Duration) *many {
	m := &many{
		settings: s, every: every, at: placeOf(s.Path),
		members: map[string]*follower{}, skipped: map[string]int64{}, hourly: newHourly(env),
	}
	if env.Cursor == nil {
		return m
	}
	var was manyPosition
	err := errCursor
	if len(env.Cursor) <= maxManyCursor {
		err = form.Of[manyPosition]().Read(env.Cursor, "the cursor", &was)
	}
	invalid := func(p position) bool { return !p.valid() || filepath.Base(p.Path) != p.Path }
	if err != nil || was.Pattern != s.Path || slices.ContainsFunc(was.Files, invalid) || slices.ContainsFunc(was.Gone, invalid) {
		env.Log.Warn(fmt.Sprintf("%s: what was read last is not of these files; beginning at their %s", env.Source, s.From), "source", env.Source)
		return m
	}
	m.gone, m.scanned = was.Gone, true
	for _, p := range was.Files {
		m.follow(p.Path).last = m.whole(p)
	}
	return m
}

// whole returns a position by name as its follower has it.
func (m *many) whole(p position) *position {
	p.Path = filepath.Join(m.at.dir, p.Path)
	return &p
}

// follow makes a follower of the log called name.
func (m *many) follow(name string) *follower {
	f := newFollower(m.settings, m.env, m.every, filepath.Join(m.at.dir, name))
	f.item = name
	m.members[name] = f
	return f
}

func (m *many) close() {
	for _, f := range m.members {
		f.close()
	}
}

// look looks at each log in turn. One that cannot be read is told, and stops no other.
func (m *many) look(ended func() error) (batch dodona.Batch, err error) {
	if err := m.scan(); err != nil {
		return batch, err
	}
	names := slices.Sorted(maps.Keys(m.members))
	if len(names) == 0 {
		return batch, fmt.Errorf("wait for files: none is called as in %s yet (its folder is there); each that comes is followed", m.settings.Path)
	}
	keep, size, failed := false, 0, 0
	m.next++
	for i := range names {
		name := names[(i+m.next)%len(names)]
		f := m.members[name]
		got, broken := f.look(ended)
		if broken != nil && ended() != nil {
			return dodona.Batch{}, broken
		}
		if broken != nil && !m.left(name, f) {
			failed++
			err = cmp.Or(err, broken)
			m.say(broken.Error())
		}
		keep = keep || got.any()
		for _, r := range f.readings(got) {
			size += len(r.Body)
			r.Received = r.Received.Add(time.Duration(len(batch.Readings)))
			batch.Readings = append(batch.Readings, r)
		}
		if size >= mergedBytes || len(batch.Readings) >= maxLines/2 {
			break
		}
	}
	if keep {
		batch.Cursor = m.cursor()
		return batch, nil
	}
	if failed > 0 && failed == len(names) {
		return dodona.Batch{}, err
	}
	return dodona.Batch{}, nil
}

// say logs a failure of one log among others, now and then.
func (m *many) say(what string) { m.hourly.say(what + "; the other files go on") }

// left stops following a log whose path is gone, and keeps where it was read to.
func (m *many) left(name string, f *follower) bool {
	if _, err := os.Lstat(f.path); !os.IsNotExist(err) {
		return false
	}
	m.drop(name)
	return true
}

func (m *many) drop(name string) {
	f := m.members[name]
	if f.last != nil {
		p := *f.last
		p.Path = name
		m.gone = append(m.gone, p)
		m.gone = m.gone[max(0, len(m.gone)-maxGone):]
	}
	f.close()
	delete(m.members, name)
	m.seen = time.Time{} // it may be there under another name
}

func (m *many) cursor() []byte {
	c := manyPosition{Pattern: m.settings.Path, Files: []position{}, Gone: m.gone}
	for _, name := range slices.Sorted(maps.Keys(m.members)) {
		if f := m.members[name]; f.last != nil {
			p := *f.last
			p.Path = name
			c.Files = append(c.Files, p)
		}
	}
	if c.Gone == nil {
		c.Gone = []position{}
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("positions do not marshal: " + err.Error()) // they have no value that could not
	}
	return text
}

// scanShare is how many times as long as a look at the folder takes it is left alone after that.
const scanShare = 20

// scan looks for files that came.
func (m *many) scan() error {
	began := time.Now()
	if began.Before(m.rest) && began.Add(maxScanRest).After(m.rest) { // the clock may have been set back
		return nil
	}
	names, err := m.folder.list(m.at, func(name string) bool {
		matches, err := filepath.Match(m.at.base, name)
		return err == nil && matches && !isPacked(name)
	})
	if err != nil {
		return fmt.Errorf("look for files called as in %s: %w", m.settings.Path, err)
	}
	at := m.folder.names[m.at].at
	if !at.Equal(m.seen) {
		m.names = m.logsAmong(names)
	} else if len(m.skipped) == 0 {
		m.looked = began
		return nil
	}
	m.seen = at
	var fresh []generation
	for _, g := range filesOf(m.at.dir, m.names, maxNames, func(name string) bool { return m.members[name] == nil }) {
		if !m.isOurs(g) {
			fresh = append(fresh, g)
		}
	}
	slices.SortFunc(fresh, func(a, b generation) int { return b.modified.Compare(a.modified) }) // the last written first
	m.full = false
	for _, g := range fresh {
		m.enter(g)
	}
	if n := len(m.skipped); n > 0 {
		m.say(fmt.Sprintf("%d files more are called as in %s; the %d that were written last are followed", n, m.settings.Path, maxFiles))
	}
	m.scanned, m.looked = true, began
	m.rest = time.Now().Add(min(scanShare*time.Since(began), maxScanRest))
	return nil
}

// enter follows a file that came, if there is room.
func (m *many) enter(g generation) {
	name := filepath.Base(g.path)
	before, known := m.skipped[name]
	if known && g.size == before {
		return
	}
	if len(m.members) >= maxFiles && !m.makeRoom(g) {
		if !known {
			m.skipped[name] = g.size
		}
		m.skipped[name] = min(m.skipped[name], g.size) // what grew is news once there is room for it
		return
	}
	f := m.follow(name)
	f.fresh, f.born = m.scanned, m.looked
	if known {
		f.since, f.born = &before, time.Time{}
	}
	if i := slices.IndexFunc(m.gone, func(p position) bool { return p.Path == name || g.is(p) && p.Offset > 0 && g.holds(p) }); i >= 0 {
		p := m.gone[i]
		p.Path = name
		f.last = m.whole(p)
		m.gone = slices.Delete(m.gone, i, i+1)
	}
	delete(m.skipped, name)
}

// makeRoom stops following the log that was written the longest ago, if that is before g was, and reports whether there is room now.
func (m *many) makeRoom(g generation) bool {
	if !m.scanned || m.full {
		return false
	}
	var oldest string
	var at generation
	for name, f := range m.members {
		if f.now == nil {
			continue
		}
		info, err := os.Stat(f.path)
		if err != nil || info.Size() > f.now.end {
			continue
		}
		if o := newGeneration(f.path, info); oldest == "" || o.modified.Before(at.modified) {
			oldest, at = name, o
		}
	}
	if m.full = oldest == "" || !at.modified.Before(g.modified); m.full {
		return false
	}
	m.drop(oldest)
	m.skipped[oldest] = at.size
	return true
}

// isOurs reports whether a log has the file open under another name.
func (m *many) isOurs(g generation) bool {
	for _, f := range m.members {
		if f.now != nil && g.is(f.now.verified) || slices.ContainsFunc(f.left, func(o *opened) bool { return g.is(o.verified) }) ||
			slices.ContainsFunc(f.parted, func(p parted) bool { return g.is(p.position) && g.holds(p.position) }) {
			return true
		}
		if f.now == nil && f.last != nil && g.is(*f.last) && g.holds(*f.last) {
			return true
		}
	}
	return false
}

// logsAmong returns the names that are logs of their own: not those that rotation makes of another one, whose follower reads them, and
// none that no record can hold.
func (m *many) logsAmong(names []string) (logs []string) {
	known := make(map[string]bool, len(names)+len(m.members))
	for _, name := range names {
		known[name] = true
	}
	for name := range m.members {
		known[name] = true
	}
	for _, name := range names {
		switch {
		case !utf8.ValidString(name):
			m.say(fmt.Sprintf("the name %q is not UTF-8, so the file is not followed", name))
		case !putAway(name, known):
			logs = append(logs, name)
		}
	}
	return logs
}

// putAway reports whether a name is one that rotation makes of one of the known ones. It is cut before each mark that it may have: a
// folder has many names.
func putAway(name string, known map[string]bool) bool {
	ext := filepath.Ext(name)
	for i := 1; i < len(name); i++ {
		if strings.IndexByte(".-_~", name[i]) < 0 {
			continue
		}
		log, mark := name[:i], name[i:]
		away := slices.Contains(awayMarks, mark) || dateMark.MatchString(mark) && strings.HasPrefix(mark, dateMark.FindString(mark))
		if known[log] && (away || isRotated(log, name)) {
			return true
		}
		if log += ext; len(log) < len(name) && known[log] && isRotated(log, name) {
			return true
		}
	}
	return false
}

// awayMarks are what people and programs put behind the name of a log that they put away.
var awayMarks = []string{"~", ".old", ".bak", ".backup", ".prev", ".previous", ".orig", ".save", ".saved", ".tmp", ".swp"}
