package journal

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// place sets where a reader begins, which a server does not let be changed afterwards: where it began if it is there
// already; where a reader of its name stood that a version without networks left, which named no node, or
// stood when it was removed, because nothing configured it; else at the oldest record. Idle is one that is there, had
// nothing left to read, and reads other subjects from now on.
func (r *readerState) place(ctx context.Context, cfg *jetstream.ConsumerConfig) (idle bool, err error) {
	there, err := r.l.stream.Consumer(ctx, r.durable)
	if err == nil {
		info := there.CachedInfo()
		made := info.Config
		cfg.DeliverPolicy, cfg.OptStartSeq = made.DeliverPolicy, made.OptStartSeq
		return backlogOf(info) == 0 && !slices.Equal(subjectsOf(made), slices.Sorted(slices.Values(cfg.FilterSubjects))), nil
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return false, err
	}
	left, err := r.l.stream.Consumer(ctx, r.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		r.startAt(cfg, r.removedAt(ctx))
		return false, nil
	}
	if err != nil {
		return false, err
	}
	info, err := left.Info(ctx)
	if err != nil {
		return false, err
	}
	r.heir = true
	r.startAt(cfg, info.AckFloor.Stream)
	return false, nil
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
