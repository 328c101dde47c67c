package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Whoever keeps a store answers for it: what its files lost is noted in the streams of proofs, of all networks, before another process
// can reach the server. One that starts then, and asks what may be forgotten, must not be told that nothing is.

// vouchWithin bounds what is noted at a start of the embedded server.
const vouchWithin = time.Minute

// vouch looks, over a connection of its own, at every stream of proofs that the embedded server keeps, while nobody else has one, this process
// neither: what is written then would be taken for what was lost. This network's stream is left to its lane while that is not open yet: it knows
// more, and the server listens to nobody before.
func (j *Journal) vouch(bus nats.InProcessConnProvider) error {
	if err := j.noteDropping(); err != nil {
		return err
	}
	j.countAnew()
	nc, err := nats.Connect("", nats.InProcessServer(bus), j.local.Credentials())
	if err != nil {
		return fmt.Errorf("look at the streams: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("look at the streams: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), vouchWithin)
	defer cancel()
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		if !keepsProofs(info) {
			continue
		}
		name := info.Config.Name
		info, err := j.count(ctx, nc, info)
		if err != nil {
			return err
		}
		if err := j.vouchFor(ctx, js, info); err != nil {
			return fmt.Errorf("note in stream %s that something may have been lost: %w", name, err)
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("look at the streams: %w", err)
	}
	return nil
}

// keepsProofs reports whether a stream holds the proofs of a network.
func keepsProofs(info *jetstream.StreamInfo) bool {
	return info.Config.Metadata[layoutKey] == layout && strings.HasPrefix(info.Config.Name, streamProof+"-")
}

// count asks what the start dropped of a stream, which is no news afterwards.
func (j *Journal) count(ctx context.Context, nc *nats.Conn, info *jetstream.StreamInfo) (*jetstream.StreamInfo, error) {
	if info.State.NumDeleted > mostPlaces {
		return info, nil
	}
	name := info.Config.Name
	info, err := infoOf(ctx, nc, name)
	if err != nil {
		return nil, fmt.Errorf("ask what was dropped of stream %s: %w", name, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.drops[name] = dropped(info)
	return info, nil
}

// vouchFor notes in a stream what it lacks, if it does.
func (j *Journal) vouchFor(ctx context.Context, js jetstream.JetStream, info *jetstream.StreamInfo) error {
	name, at := info.Config.Name, j.lostBefore(info)
	damaged := lacks(info) || j.endGone(info) || dropped(info) > 0
	lost := j.hasNews(name) || damaged
	ours := name == j.net.stream(streamProof)
	l := j.proof.Load()
	if ours && l != nil {
		l.mu.Lock()
		appended := l.stat.head.Appended
		damaged = damaged || (view{StreamInfo: info, knew: l.reach}).short()
		if lost = lost || damaged; lost { // the house does not find it again
			l.state, l.stateAt, l.reach = info.State, info.TimeStamp, reach{info.Created, info.State.LastSeq}
		}
		l.mu.Unlock()
		if lost {
			at = latest(at, appended)
			l.noteLostEnd(at, latest(appended, j.endOf(name).Written))
		}
	}
	if !lost {
		return nil
	}
	if damaged || j.backupOf(name).IsZero() {
		j.tellLost(name, at)
	} else {
		j.tellRestored(name, at)
	}
	if !j.hasHole(name) { // what an earlier start found counts on
		if err := j.holed(name); err != nil {
			return err
		}
	}
	if !ours || l != nil {
		if err := j.noteHole(ctx, js, name, at); err != nil {
			return err
		}
	}
	j.setEnd(info)
	return nil
}

func (j *Journal) tellLost(stream string, until time.Time) {
	j.mu.Lock()
	h := j.holes[stream]
	restored := h != nil && !h.backup.IsZero()
	if restored {
		h.backup = time.Time{} // more is missing than what came after a backup
	}
	j.mu.Unlock()
	if restored {
		if err := j.writeHole(stream, 0, time.Time{}); err != nil {
			j.cfg.Log.Warn("journal: note that more is lost than came after a backup", "stream", stream, "error", err)
		}
	}
	j.cfg.Log.Error("journal: proofs may be lost; those who use the stream are told", "stream", stream, "until", until)
}

// tellRestored tells what tellLost does of a stream that lacks no more than what came after its backup.
func (j *Journal) tellRestored(stream string, until time.Time) {
	j.cfg.Log.Warn("restored from a backup: no round that begins until now, or in the next seconds, is signed, for what the backup is of may have signed it",
		"backup", j.backupOf(stream), "stream", stream, "now", until)
}
