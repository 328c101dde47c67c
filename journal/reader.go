package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// From yields what the named reader has not finished, in the order of the stream, in slices of at most 768 records
// and 1 MiB, or a sixteenth of the stream of proofs if that is less (one larger record is a slice of its own). Asking for the next slice finishes the one before; a reader
// that stops in the middle of a slice sees it again. The topics must be kept in one stream; a reader that names
// other topics than before reads those from where it stood.
//
// A reader is its node's own: another node of the network has others of the same names. A name has one reader at a time. The sequence ends when ctx ends. Trouble with the store is waited out and told by
// Status; an error is yielded, as the last thing, if the arguments are wrong or the journal is closed ([ErrClosed]).
func (j *Journal) From(ctx context.Context, reader string, topics ...dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return j.from(ctx, reader, wish{}, topics)
}

func (j *Journal) from(ctx context.Context, reader string, wish wish, topics []dodona.Topic) iter.Seq2[[]dodona.Record, error] {
	return func(yield func([]dodona.Record, error) bool) {
		r, err := j.openReader(reader, topics)
		if err != nil {
			yield(nil, fmt.Errorf("read as %s: %w", reader, err))
			return
		}
		defer j.closeReader(r)
		r.wish = wish
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(j.ctx, cancel)()
		for {
			slice, err := r.next(ctx)
			if j.ctx.Err() != nil {
				yield(nil, fmt.Errorf("read as %s: %w", reader, ErrClosed))
				return
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				r.trouble(ctx, err)
				continue
			}
			if len(slice) > 0 && !yield(slice, nil) {
				return
			}
		}
	}
}

// A readerState is one reader at work.
type readerState struct {
	l       *lane
	name    string
	durable string    // its name on the server, which has the node in it
	born    time.Time // when the stream was made that position is a place of
	heir    bool      // it takes over from a reader of a version before
	topics  []dodona.Topic
	wish
	anew  uint64 // where it goes on that reads other subjects than before; 0: where it stands
	inbox *nats.Subscription
	open  bool

	asked    int           // messages that the store may still send for the last request
	position uint64        // in the stream: the last record that was yielded
	digest   dodona.Digest // of that record; zero: it was none
	again    bool          // the record at position is not that one any more
	delivery uint64        // of the consumer: the last message that was taken
	ack      string        // where to say that position is finished
	big      bool          // the next record is larger than a slice
	attempt  int
	saidAt   time.Time // when its trouble was logged
	held     *nats.Msg // taken from the inbox, belongs to the next slice
	broken   error     // met while a slice was half full; told after that slice
	acked    string    // the last ack that was sent

	mu      sync.Mutex
	lastErr string
	read    uint64
}

func (j *Journal) openReader(name string, topics []dodona.Topic) (*readerState, error) {
	if err := dodona.CheckName(name, 1); err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		return nil, errors.New("no topic is named")
	}
	stream, _ := streamOf(topics[0])
	for _, t := range topics {
		s, known := streamOf(t)
		if !known {
			return nil, fmt.Errorf("topic %q: no stream keeps it", t)
		}
		if s != stream {
			return nil, fmt.Errorf("topics %s and %s are in different streams: use one reader for each", topics[0], t)
		}
	}
	r := &readerState{l: j.lanes[stream], name: name, durable: reader(j.cfg.Node, name), topics: slices.Clone(topics)}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if _, busy := j.reading[name]; busy {
		return nil, errors.New("the name is in use: a reader may be read in one place only")
	}
	j.reading[name] = r
	j.wg.Add(1)
	return r, nil
}

func (j *Journal) closeReader(r *readerState) {
	if r.acked != "" { // the store has noted what is finished before somebody reads on under this name
		ctx, cancel := context.WithTimeout(j.bus.Epoch(), time.Second)
		_, _ = j.nc.RequestWithContext(ctx, r.acked, []byte("+ACK"))
		cancel()
	}
	r.close()
	j.mu.Lock()
	delete(j.reading, r.name)
	j.mu.Unlock()
	j.wg.Done()
}

func (r *readerState) close() {
	if r.inbox != nil {
		_ = r.inbox.Unsubscribe()
		r.inbox = nil
	}
	r.open, r.held, r.broken = false, nil, nil
}

// sayAgain is after what time a trouble that lasts is logged again.
const sayAgain = time.Minute

// trouble waits before the reader is opened again.
func (r *readerState) trouble(ctx context.Context, err error) {
	r.close()
	r.mu.Lock()
	said := r.lastErr == err.Error() && time.Since(r.saidAt) < sayAgain
	r.lastErr = err.Error()
	r.mu.Unlock()
	if !said {
		r.saidAt = time.Now()
		r.l.j.cfg.Log.Warn("journal: reader waits", "reader", r.name, "error", err)
	}
	r.attempt++
	backoff.Wait(ctx, backoff.Backoff{Min: 50 * time.Millisecond, Max: bus.LongestRetry}.Ceiling(r.attempt))
}

// answered notes that the store answers again.
func (r *readerState) answered() {
	if r.attempt == 0 {
		return
	}
	r.attempt = 0
	r.mu.Lock()
	r.lastErr = ""
	r.mu.Unlock()
	r.l.j.cfg.Log.Info("journal: reader goes on", "reader", r.name)
}

// start makes the consumer if it is new and puts it back to what was finished: messages that were on their way to a
// dead process would otherwise come again between newer ones.
func (r *readerState) start(ctx context.Context) error {
	js, stream := r.l.j.js, r.l.streamName
	ctx, cancel := r.l.j.question(ctx)
	defer cancel()
	cfg := jetstream.ConsumerConfig{
		Durable:        r.durable,
		FilterSubjects: r.subjects(),
		AckPolicy:      jetstream.AckAllPolicy,
		AckWait:        ackWait,
		MaxAckPending:  4 * MaxSlice,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		MaxWaiting:     16,
		Metadata:       map[string]string{folderKey: r.l.j.writer},
	}
	if err := r.meet(ctx); err != nil {
		return fmt.Errorf("look at the stream: %w", err)
	}
	anew, err := r.place(ctx, &cfg, r.l.stream.CachedInfo().State.LastSeq+1)
	if err != nil {
		return fmt.Errorf("find where it stood: %w", err)
	}
	if r.anew == 0 || r.again { // else the store has not heard of it yet
		r.anew = anew
	}
	if r.anew > 0 {
		cfg.Metadata[anewKey] = strconv.FormatUint(r.anew, 10)
	}
	if err := r.noteYields(ctx, &cfg); err != nil {
		return fmt.Errorf("look for what it lost: %w", err)
	}
	made, err := js.CreateOrUpdateConsumer(ctx, stream, cfg)
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	if err := r.adopted(ctx); err != nil {
		return fmt.Errorf("take over the reader before: %w", err)
	}
	floor, end := made.CachedInfo().AckFloor.Stream, r.l.stream.CachedInfo().State.LastSeq
	switch {
	case floor > end, r.again && floor >= r.position: // what it had finished is gone, and its places are given anew
		r.l.j.cfg.Log.Warn("journal: the stream lost its end; a reader begins again, and sees some records twice", "reader", r.name, "stood", max(floor, r.position))
		_, err = js.ResetConsumerToSequence(ctx, stream, r.durable, 1)
	case r.anew > 0 && !r.again:
		_, err = js.ResetConsumerToSequence(ctx, stream, r.durable, max(r.anew, r.position+1))
	case r.position > 0 && !r.again:
		_, err = js.ResetConsumerToSequence(ctx, stream, r.durable, r.position+1)
	default:
		_, err = js.ResetConsumer(ctx, stream, r.durable)
	}
	if err != nil {
		return fmt.Errorf("reset consumer: %w", err)
	}
	if r.anew = 0; r.again || floor > end {
		r.position, r.again = 0, false
	}
	if r.inbox, err = r.l.j.nc.SubscribeSync(nats.NewInbox()); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	r.open, r.asked, r.delivery, r.ack = true, 0, 0, ""
	r.l.j.cfg.Recorder.Count(telemetry.JournalResets.Of(r.name), 1)
	return nil
}

const (
	ackWait   = time.Hour        // of a slice; readers are put back by start, not by this
	pullFor   = 30 * time.Second // how long a request for messages stays open
	heartbeat = 5 * time.Second  // how often the store says that it is still there
)

// next finishes the slice before and returns the next one, as soon as there is anything.
func (r *readerState) next(ctx context.Context) ([]dodona.Record, error) {
	if !r.open {
		if err := r.start(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.finish(true); err != nil {
		return nil, err
	}
	if err := r.broken; err != nil {
		r.broken = nil
		return nil, err
	}
	var slice []dodona.Record
	bytes := 0
	for len(slice) < MaxSlice && bytes < r.l.sliceBytes() {
		msg, err := r.take(ctx, len(slice) == 0)
		if err != nil && len(slice) == 0 {
			return nil, err
		}
		if r.broken = err; msg == nil {
			break
		}
		if len(slice) > 0 && bytes+msg.Size() > r.l.sliceBytes() {
			r.held = msg
			break
		}
		rec, taken, err := r.accept(msg)
		if err != nil && len(slice) == 0 {
			return nil, err
		}
		if r.broken = err; err != nil {
			break
		}
		if taken {
			slice = append(slice, rec)
			bytes += msg.Size()
		} else if err := r.finish(len(slice) == 0); err != nil {
			return nil, err
		}
	}
	if len(slice) > 0 {
		r.answered()
		r.mu.Lock()
		r.read += uint64(len(slice))
		r.mu.Unlock()
		r.l.j.cfg.Recorder.Count(telemetry.JournalDelivered.Of(r.name), uint64(len(slice)))
	}
	return slice, nil
}

// finish tells the store what is finished, if nothing is in hand: retention waits for it, also for what the reader passed over.
func (r *readerState) finish(free bool) error {
	if !free || r.ack == "" {
		return nil
	}
	if err := r.l.j.nc.Publish(r.ack, []byte("+ACK")); err != nil {
		return fmt.Errorf("finish slice: %w", err)
	}
	r.ack, r.acked = "", r.ack
	return nil
}

// take returns the next message, or nil if there is none yet and it must not wait.
func (r *readerState) take(ctx context.Context, wait bool) (*nats.Msg, error) {
	if r.held != nil {
		msg := r.held
		r.held = nil
		return msg, nil
	}
	for {
		if r.asked <= 0 {
			if !wait { // nothing is on its way
				return nil, nil
			}
			if err := r.ask(); err != nil {
				return nil, err
			}
		}
		if !wait {
			if n, _, err := r.inbox.Pending(); err != nil || n == 0 {
				return nil, err
			}
		}
		patience, cancel := context.WithTimeout(ctx, 2*heartbeat+time.Second)
		stop := context.AfterFunc(r.l.j.bus.Epoch(), cancel)
		msg, err := r.inbox.NextMsgWithContext(patience)
		stop()
		cancel()
		if err != nil {
			return nil, fmt.Errorf("wait for records: %w", err)
		}
		if status := msg.Header.Get("Status"); status == "" || msg.Reply != "" && len(msg.Header[headerID]) > 0 {
			r.asked--
			r.big = false
			return msg, nil
		} else if r.answered(); status != "100" { // 100 is the heartbeat; all else ends the request
			r.asked = 0
			if status == "409" && msg.Header.Get("Description") == "Message Size Exceeds MaxBytes" {
				r.big = true
			}
		}
	}
}

// ask requests a slice from the store.
func (r *readerState) ask() error {
	request := struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		MaxBytes  int           `json:"max_bytes,omitempty"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{pullFor, MaxSlice, r.l.sliceBytes(), heartbeat}
	if r.big {
		request.Batch, request.MaxBytes = 1, 0
	}
	body, _ := json.Marshal(request)
	subject := "$JS.API.CONSUMER.MSG.NEXT." + r.l.streamName + "." + r.durable
	if err := r.l.j.nc.PublishRequest(subject, r.inbox.Subject, body); err != nil {
		return fmt.Errorf("ask for records: %w", err)
	}
	r.asked = request.Batch
	return nil
}

var errGap = errors.New("a message was lost on the way")

// accept checks that a message follows the one before and decodes it.
func (r *readerState) accept(msg *nats.Msg) (rec dodona.Record, taken bool, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return rec, false, fmt.Errorf("read delivery: %w", err)
	}
	if meta.Sequence.Consumer != r.delivery+1 {
		return rec, false, errGap
	}
	r.delivery = meta.Sequence.Consumer
	if meta.Sequence.Stream <= r.position {
		return rec, false, nil
	}
	r.position, r.ack = meta.Sequence.Stream, msg.Reply
	rec, writer, err := decode(msg.Subject, msg.Header, msg.Data)
	r.digest = dodona.Digest{}
	if err == nil {
		r.digest = digestOf(rec, writer)
	} else {
		// Somebody else wrote to our subjects, or the store is damaged; the audit tells about the latter.
		r.l.j.cfg.Log.Error("journal: skip what is no record", "reader", r.name, "place", meta.Sequence.Stream, "error", err)
		return rec, false, nil
	}
	return rec, msg.Header.Get(headerAgain) == "", nil
}
