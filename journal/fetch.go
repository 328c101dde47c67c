package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A query asks a stream for one message: by place, the last on a subject, or the next on a subject from a place.
type query struct {
	Seq       uint64     `json:"seq,omitempty"`
	LastFor   string     `json:"last_by_subj,omitempty"`
	NextFor   string     `json:"next_by_subj,omitempty"`
	Batch     int        `json:"batch,omitempty"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	fromFirst bool       // of the stream's leader, which no replica lags behind
}

// A stored record with its place in the stream.
type stored struct {
	dodona.Record
	writer string
	stream uint64
	bad    error // why it cannot be decoded; only in pages
}

// fetch returns the record that q asks for, or ErrNotFound. A record that cannot be decoded is an error.
func (l *lane) fetch(ctx context.Context, q query) (stored, error) {
	s, err := l.ask(ctx, q)
	if !errors.Is(err, dodona.ErrNotFound) || q.LastFor == "" || strings.HasSuffix(q.LastFor, ">") {
		return s, err
	}
	// A server that cannot read a record, because it is damaged or no file can be opened now, says that there is none. What it
	// counts by subject it has in memory.
	q.fromFirst = true
	for range askedAgain {
		n, countErr := l.count(ctx, q.LastFor)
		if countErr != nil {
			return stored{}, countErr
		}
		if n == 0 {
			return stored{}, dodona.ErrNotFound
		}
		if s, err = l.ask(ctx, q); !errors.Is(err, dodona.ErrNotFound) {
			return s, err
		}
	}
	l.mu.Lock()
	l.unreadOn = q.LastFor // the house asks on
	l.mu.Unlock()
	return stored{}, fmt.Errorf("%w: %s", errUnread, q.LastFor)
}

// errUnread: there is a record, and it does not come. Nothing is decided on that.
var errUnread = errors.New("the store has a record and cannot read it; look at its disk and how many files it may open, and if that does not help, " +
	"start it again: a damaged record is then set aside")

// askedAgain is how often a store that says that there is none of what it counts is asked again: one may have come in between.
const askedAgain = 3

// count returns how many records on a subject the stream has.
func (l *lane) count(ctx context.Context, subject string) (n uint64, err error) {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("count records on %s: %w", subject, bus.Unanswered(ctx, err))
	}
	for _, each := range info.State.Subjects {
		n += each
	}
	return n, nil
}

// counts returns how many records the stream has on each of some shared subjects. Many are asked for at once.
func (l *lane) counts(ctx context.Context, subjects []string) (map[string]uint64, error) {
	filters := make(map[string]bool)
	for _, subject := range subjects {
		filter := subject
		if len(subjects) > 4 {
			topic, _, _ := strings.Cut(strings.TrimPrefix(subject, l.j.net.Root()), ".")
			filter = l.j.net.topic(dodona.Topic(topic))
		}
		filters[filter] = true
	}
	counts := make(map[string]uint64, len(subjects))
	for filter := range filters {
		ctx, cancel := l.j.question(ctx)
		info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		err = bus.Unanswered(ctx, err)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("count records on %s: %w", filter, err)
		}
		maps.Copy(counts, info.State.Subjects)
	}
	return counts, nil
}

// ask asks for one record once.
func (l *lane) ask(ctx context.Context, q query) (stored, error) {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	if q.fromFirst && l.j.local == nil {
		return l.fetchFromLeader(ctx, q)
	}
	request, _ := json.Marshal(q)
	msg, err := l.j.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+l.streamName, request)
	if err != nil {
		return stored{}, fmt.Errorf("ask stream %s: %w", l.spec.name, bus.Unanswered(ctx, err))
	}
	return storedOf(msg)
}

func storedOf(msg *nats.Msg) (stored, error) {
	switch msg.Header.Get("Status") {
	case "":
	case "404":
		return stored{}, dodona.ErrNotFound
	default:
		return stored{}, fmt.Errorf("read record: %s %s", msg.Header.Get("Status"), msg.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("read record: no place in the stream: %w", err)
	}
	r, writer, err := decode(msg.Header.Get("Nats-Subject"), msg.Header, msg.Data)
	if err != nil {
		return stored{stream: seq}, err
	}
	return stored{r, writer, seq, nil}, nil
}

func (l *lane) fetchFromLeader(ctx context.Context, q query) (stored, error) {
	request, _ := json.Marshal(q)
	msg, err := l.j.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.streamName, request)
	if err != nil {
		return stored{}, fmt.Errorf("ask stream %s: %w", l.spec.name, bus.Unanswered(ctx, err))
	}
	var reply struct {
		Error   *apiError `json:"error"`
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  []byte `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(msg.Data, &reply); err != nil {
		return stored{}, fmt.Errorf("read record: %w", err)
	}
	if reply.Error != nil {
		if reply.Error.ErrCode == codeNotFound {
			return stored{}, dodona.ErrNotFound
		}
		return stored{}, reply.Error
	}
	header, err := nats.DecodeHeadersMsg(reply.Message.Header)
	if err != nil {
		return stored{stream: reply.Message.Seq}, fmt.Errorf("read record: headers: %w", err)
	}
	r, writer, err := decode(reply.Message.Subject, header, reply.Message.Data)
	return stored{r, writer, reply.Message.Seq, nil}, err
}

// An apiError is JetStream's.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

// A pubAck is JetStream's answer to a publication.
type pubAck struct {
	Error     *apiError `json:"error"`
	Sequence  uint64    `json:"seq"`
	Count     int       `json:"count"`
	Duplicate bool      `json:"duplicate"` // it was there already, at this place
}

func errCode(err error) int {
	var api *apiError
	if errors.As(err, &api) {
		return api.ErrCode
	}
	return 0
}
