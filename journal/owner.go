package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
)

// openStream returns the lane's stream, and makes it if there is none. A stream of that name that belongs to another
// network, or whose names are made in another way, is left alone and refused.
func (l *lane) openStream(ctx context.Context) (jetstream.Stream, error) {
	j, cfg := l.j, l.spec.config(l.j.cfg)
	if j.local != nil {
		cfg.Metadata[ownerKey] = j.writer
	}
	l.doubted = false
	stream, err := j.js.Stream(ctx, l.streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		// Whoever comes first decides the limits of a stream on a server elsewhere.
		made := cfg
		made.Metadata = maps.Clone(cfg.Metadata)
		setFreed(made.Metadata, 1)
		if j.local == nil {
			l.setLimits(made.Metadata, l.now())
		}
		if j.used || !j.alone() { // there was one, or nobody knows
			made.FirstSeq = firstPlace()
			setFreed(made.Metadata, made.FirstSeq)
			made.Metadata[madeKey] = l.lostBy().UTC().Format(time.RFC3339Nano)
			l.doubted = j.used
		}
		if stream, err = j.js.CreateStream(ctx, made); err == nil {
			return stream, nil
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = j.js.Stream(ctx, l.streamName)
		}
	}
	if err != nil {
		return nil, j.roomFor(l.streamName, cfg.MaxBytes, err)
	}
	there := stream.CachedInfo()
	made := there.Config
	if err := checkOwner("stream "+l.streamName, made.Metadata, j.cfg.Network); err != nil {
		return nil, err
	}
	if j.local == nil {
		if stream, err = l.learn(ctx, stream); err != nil {
			return nil, err
		}
		l.beginLimits(ctx, stream)
		return stream, nil
	}
	kept := maps.Clone(made.Metadata)
	maps.Copy(kept, cfg.Metadata)
	if l.doubted = j.heads.doubtful(l.spec.name) || j.hasHole(l.streamName); l.doubted { // noted with what else changes, so that others know soon
		unsettled := 1
		if !j.alone() {
			unsettled = 0
		}
		setMark(kept, l.lostBy(), unsettled, there.State)
	}
	if freed(kept) == math.MaxUint64 {
		setFreed(kept, there.State.FirstSeq) // what an older version freed nobody knows
	}
	cfg.Metadata, cfg.FirstSeq = kept, made.FirstSeq
	stream, err = j.js.UpdateStream(ctx, cfg)
	return stream, j.roomFor(l.streamName, cfg.MaxBytes, err)
}

// firstPlace returns where a stream begins that may follow a lost one. Appends are guarded by places: if all began at 1, the record that
// somebody remembers of the lost one could have the number of another record in the next. It is no larger because the server fills the
// places before a first record that is damaged, one by one.
func firstPlace() uint64 { return 1 + rand.Uint64N(1<<22) }

// checkOwner returns why something on the server with a name of ours is not ours.
func checkOwner(what string, metadata map[string]string, network dodona.Digest) error {
	switch made, owner := metadata[layoutKey], metadata[networkKey]; {
	case made != layout:
		return fmt.Errorf("the %s was made by another program, or by a version of this one with another layout (%q, this is %q): use the version that made it, or another server",
			what, made, layout)
	case owner != network.String():
		return fmt.Errorf("the %s belongs to the network %q, and this node speaks for %s: check network.name, network.quorum and the node's key, or use another server",
			what, owner, network)
	}
	return nil
}

// mostChanges is how often a change of a stream's settings is tried.
const mostChanges = 8

// changePause bounds the pause, drawn by lot and twice as long each time, before a change of a stream's settings that another one's has undone is tried again.
const changePause = 5 * time.Millisecond

// change changes the settings of the stream, and returns what they were.
func (l *lane) change(ctx context.Context, change func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error) (before *jetstream.StreamInfo, err error) {
	return l.j.change(ctx, l.j.js, l.stream, change)
}

// change changes the settings of a stream. The server keeps what was written last, whatever was written since its writer read: so it looks
// whether the change is there, and what the other one may have lost by it, until nothing is left to do. A server that could not write settings, for
// want of room, says for all that that it has them, until it is started again: so what seems to be there is sent too, once.
func (j *Journal) change(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream,
	change func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error,
) (before *jetstream.StreamInfo, err error) {
	sent, again := false, false
	for try := range mostChanges {
		if again { // others change them too
			select {
			case <-ctx.Done():
			case <-time.After(rand.N(changePause << try)):
			}
		}
		info, err := stream.Info(ctx)
		if err != nil {
			return nil, err
		}
		cfg := info.Config
		cfg.Metadata = maps.Clone(cfg.Metadata)
		if known := missing(cfg.Metadata); known > info.State.NumDeleted {
			cfg.Metadata[missingKey] = strconv.Itoa(info.State.NumDeleted) // retention freed some of them
		}
		if before != nil {
			setFreed(cfg.Metadata, info.State.FirstSeq)
		} else {
			before = info
		}
		if err := change(&cfg, info); err != nil {
			return nil, err
		}
		if sent && reflect.DeepEqual(cfg, info.Config) {
			return before, nil
		}
		if _, err := js.UpdateStream(ctx, cfg); err != nil {
			return nil, j.roomFor(cfg.Name, cfg.MaxBytes, err)
		}
		sent, again = true, sent
	}
	return nil, errors.New("others change the settings of the stream again and again")
}

// learn adds topics, and what was freed, to a stream on a server elsewhere that a version made which did not know them.
func (l *lane) learn(ctx context.Context, stream jetstream.Stream) (jetstream.Stream, error) {
	made := stream.CachedInfo().Config
	missing := freed(made.Metadata) == math.MaxUint64
	if missing {
		made.Metadata = maps.Clone(made.Metadata)
		setFreed(made.Metadata, stream.CachedInfo().State.FirstSeq)
	}
	for _, subject := range l.spec.config(l.j.cfg).Subjects {
		if !slices.Contains(made.Subjects, subject) {
			made.Subjects, missing = append(made.Subjects, subject), true
		}
	}
	if !missing {
		return stream, nil
	}
	stream, err := l.j.js.UpdateStream(ctx, made)
	if err != nil {
		return nil, fmt.Errorf("add to the stream what this version knows: %w", l.j.roomFor(l.streamName, made.MaxBytes, err))
	}
	return stream, nil
}

// refuseOldLayout returns why a server elsewhere cannot be used yet: it holds streams of the first layout, whose names
// had no networks in them. The claims in them still bind the node's key.
func (j *Journal) refuseOldLayout(ctx context.Context) error {
	if j.local != nil {
		return nil // what its folder holds was seen to before it started
	}
	for _, s := range streams {
		stream, err := j.js.Stream(ctx, s.name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
			return fmt.Errorf("%s has no JetStream for this account (%w): start it with jetstream { store_dir: …, sync_interval: always }, or allow the account to use it", j.bus.Where(), err)
		}
		if err != nil {
			return fmt.Errorf("look for stream %s of an older version: %w", s.name, err)
		}
		subjects := stream.CachedInfo().Config.Subjects
		if slices.ContainsFunc(s.topics, func(t dodona.Topic) bool { return slices.Contains(subjects, bus.Root+string(t)+".>") }) {
			return fmt.Errorf("the server holds the stream %s of an older version, which kept one network only: "+
				"stop every node that uses it, keep a copy (nats stream backup RAW, nats stream backup PROOF), "+
				"wait two minutes, so that no round is open that was claimed there, remove both (nats stream rm), "+
				"empty the data folders of the nodes but for keys/, and start again; or give this node another server or account", s.name)
		}
	}
	return nil
}
