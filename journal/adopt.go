package journal

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// place sets where a reader begins, which a server does not let be changed afterwards: where it began if it is there
// already; where a reader of its name stood that a version without networks left, which named no node, or
// stood when it was removed, because nothing configured it; else at the oldest record. Anew is where one that is there and reads
// other subjects from now on goes on, for its store does not know: at the first record that it had left, or if it had none at end, which no
// record had reached yet when it was asked for; 0 if it goes on where it stands, as does one of many subjects that had something left. The
// store is told of it with the subjects, for a kill may come before it is heard.
func (r *readerState) place(ctx context.Context, cfg *jetstream.ConsumerConfig, end uint64) (anew uint64, err error) {
	there, err := r.l.stream.Consumer(ctx, r.durable)
	if err == nil {
		info := there.CachedInfo()
		made, before := info.Config, subjectsOf(info.Config)
		noted, _ := strconv.ParseUint(made.Metadata[anewKey], 10, 64)
		cfg.DeliverPolicy, cfg.OptStartSeq = made.DeliverPolicy, made.OptStartSeq
		switch {
		case slices.Equal(before, slices.Sorted(slices.Values(cfg.FilterSubjects))):
			if noted <= info.AckFloor.Stream+1 { // it has gone there
				return 0, nil
			}
			return noted, nil
		case backlogOf(info) == 0:
			return end, nil
		}
		if len(before) > soonSought {
			return 0, nil
		}
		anew, err = r.l.firstOf(ctx, before, max(info.AckFloor.Stream+1, noted))
		if err != nil && ctx.Err() == nil { // what cannot be read is behind where it stands
			return 0, nil
		}
		return anew, err
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, err
	}
	left, err := r.l.stream.Consumer(ctx, r.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		finished, err := r.l.removedAt(ctx, r.name)
		if err != nil && ctx.Err() != nil {
			return 0, err
		}
		r.startAt(cfg, finished) // what cannot be read is behind where it stood: it sees some records twice
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	info, err := left.Info(ctx)
	if err != nil {
		return 0, err
	}
	r.heir = true
	r.startAt(cfg, info.AckFloor.Stream)
	return 0, nil
}

// startAt makes a new reader begin behind a place that is finished.
func (r *readerState) startAt(cfg *jetstream.ConsumerConfig, finished uint64) {
	if finished > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, finished+1
	}
}

// adopted removes the reader that this one has taken over. A kill before leaves it, as a reader that nobody configures.
func (r *readerState) adopted(ctx context.Context) error {
	if !r.heir {
		return nil
	}
	if err := r.l.stream.DeleteConsumer(ctx, r.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	r.heir = false
	r.l.j.cfg.Log.Info("journal: goes on where a version before stood", "reader", r.name)
	return nil
}
