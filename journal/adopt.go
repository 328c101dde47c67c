package journal

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// place sets where a reader begins, which a server does not let be changed afterwards: where it began if it is there
// already; where a reader of its name stood that a version without networks left, which named no node, or
// stood when it was removed, because nothing configured it; else at the oldest record.
func (r *readerState) place(ctx context.Context, cfg *jetstream.ConsumerConfig) error {
	there, err := r.l.stream.Consumer(ctx, r.durable)
	if err == nil {
		made := there.CachedInfo().Config
		cfg.DeliverPolicy, cfg.OptStartSeq = made.DeliverPolicy, made.OptStartSeq
		return nil
	}
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	left, err := r.l.stream.Consumer(ctx, r.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		r.startAt(cfg, r.removedAt(ctx))
		return nil
	}
	if err != nil {
		return err
	}
	info, err := left.Info(ctx)
	if err != nil {
		return err
	}
	r.heir = true
	r.startAt(cfg, info.AckFloor.Stream)
	return nil
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
