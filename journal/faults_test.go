package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/nats-io/nats.go/jetstream"
)

var errShaky = errors.New("it shakes")

// shaky is a JetStream of which the n-th call fails, of itself, its streams and its object stores.
type shaky struct {
	jetstream.JetStream
	calls, fails int
}

func (s *shaky) call() error {
	if s.calls++; s.calls == s.fails {
		return errShaky
	}
	return nil
}

func (s *shaky) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	stream, err := s.JetStream.Stream(ctx, name)
	return &shakyStream{stream, s}, err
}

func (s *shaky) UpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.JetStream.UpdateStream(ctx, cfg)
}

func (s *shaky) CreateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.JetStream.CreateStream(ctx, cfg)
}

func (s *shaky) ObjectStore(ctx context.Context, bucket string) (jetstream.ObjectStore, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	store, err := s.JetStream.ObjectStore(ctx, bucket)
	return &shakyStore{store, s}, err
}

func (s *shaky) CreateOrUpdateObjectStore(ctx context.Context, cfg jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	store, err := s.JetStream.CreateOrUpdateObjectStore(ctx, cfg)
	return &shakyStore{store, s}, err
}

type shakyStream struct {
	jetstream.Stream
	s *shaky
}

func (s *shakyStream) Info(ctx context.Context, o ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.Stream.Info(ctx, o...)
}

type shakyStore struct {
	jetstream.ObjectStore
	s *shaky
}

func (s *shakyStore) Status(ctx context.Context) (jetstream.ObjectStoreStatus, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.ObjectStore.Status(ctx)
}

func (s *shakyStore) GetInfo(ctx context.Context, name string, o ...jetstream.GetObjectInfoOpt) (*jetstream.ObjectInfo, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.ObjectStore.GetInfo(ctx, name, o...)
}

func (s *shakyStore) List(ctx context.Context, o ...jetstream.ListObjectsOpt) ([]*jetstream.ObjectInfo, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.ObjectStore.List(ctx, o...)
}

func (s *shakyStore) PutBytes(ctx context.Context, name string, data []byte) (*jetstream.ObjectInfo, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.ObjectStore.PutBytes(ctx, name, data)
}

func (s *shakyStore) GetBytes(ctx context.Context, name string, o ...jetstream.GetObjectOpt) ([]byte, error) {
	if err := s.s.call(); err != nil {
		return nil, err
	}
	return s.ObjectStore.GetBytes(ctx, name, o...)
}

// TestWhatTheStoreDoesNotAnswerIsAnError, whichever question it is, and the same is well when it is asked again.
func TestWhatTheStoreDoesNotAnswerIsAnError(t *testing.T) {
	j := open(t, Config{})
	digest := byte(0)
	appendEvents(t, j, "event", 3, 10)
	for _, c := range []struct {
		name string
		do   func(ctx context.Context, js *shaky) error
	}{
		{"keep the first module", func(ctx context.Context, js *shaky) error {
			return (&Journal{js: js, cfg: Config{Network: dodona.Digest{byte(js.fails)}}}).KeepModule(ctx, dodona.Digest{1}, []byte("wasm"))
		}},
		{"keep a module", func(ctx context.Context, js *shaky) error {
			digest++
			return (&Journal{js: js, cfg: j.cfg}).KeepModule(ctx, dodona.Digest{digest}, []byte("wasm"))
		}},
		{"read a module", func(ctx context.Context, js *shaky) error {
			wasm, err := (&Journal{js: js, net: j.net}).Module(ctx, dodona.Digest{digest})
			if err == nil && string(wasm) != "wasm" {
				return fmt.Errorf("it is %q", wasm)
			}
			return err
		}},
		{"change a stream", func(ctx context.Context, js *shaky) error {
			_, err := j.change(ctx, js, &shakyStream{j.lanes[streamProof].stream, js}, func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
				cfg.Description = fmt.Sprint("changed ", js.fails)
				return nil
			})
			return err
		}},
		{"count records", func(ctx context.Context, js *shaky) error {
			l := &lane{j: j, spec: j.lanes[streamProof].spec, stream: &shakyStream{j.lanes[streamProof].stream, js}}
			n, err := l.count(ctx, j.net.topic(dodona.TopicEvent))
			if err == nil && n != 3 {
				return fmt.Errorf("there are %d", n)
			}
			return err
		}},
	} {
		if c.name == "keep the first module" { // each in a network of its own
			if err := c.do(t.Context(), &shaky{JetStream: j.js, fails: 99}); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		for fails := 1; ; fails++ {
			js := &shaky{JetStream: j.js, fails: fails}
			err := c.do(t.Context(), js)
			if js.calls < fails {
				if err != nil || fails == 1 {
					t.Errorf("%s: %v after %d calls", c.name, err, js.calls)
				}
				break
			}
			if !errors.Is(err, errShaky) {
				t.Errorf("%s, call %d fails: %v", c.name, fails, err)
			}
			if js.calls != fails {
				t.Errorf("%s goes on for %d calls after one that failed", c.name, js.calls-fails)
			}
		}
	}
}

// roomy is an object store with a list.
type roomy struct {
	jetstream.ObjectStore
	list    []*jetstream.ObjectInfo
	none    error // what the list says
	deleted []string
	fails   string // the object that cannot be deleted
}

func (r *roomy) List(context.Context, ...jetstream.ListObjectsOpt) ([]*jetstream.ObjectInfo, error) {
	return r.list, r.none
}

func (r *roomy) Delete(_ context.Context, name string) error {
	if name == r.fails {
		return errShaky
	}
	r.deleted = append(r.deleted, name)
	return nil
}

// TestModulesFillNineTenthsOfTheirStore, the newest ones.
func TestModulesFillNineTenthsOfTheirStore(t *testing.T) {
	const most = (32 << 20) * 9 / 10
	object := func(name string, age time.Duration, size uint64) *jetstream.ObjectInfo {
		return &jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Name: name}, ModTime: time.Unix(1795349070, 0).Add(-age), Size: size}
	}
	list := func() []*jetstream.ObjectInfo {
		return []*jetstream.ObjectInfo{object("new", 1, 1000), object("oldest", 3, 2000), object("old", 2, 3000)}
	}
	for size, want := range map[uint64]string{
		0: "", most - 6000: "", most - 5999: "oldest", most - 4000: "oldest", most - 3999: "oldest old", most - 1000: "oldest old", most - 999: "oldest old new", 2 * most: "oldest old new",
	} {
		r := &roomy{list: list()}
		if err := makeRoom(t.Context(), r, size); err != nil || strings.Join(r.deleted, " ") != want {
			t.Errorf("for %d bytes: %q goes, %v; want %q", size, r.deleted, err, want)
		}
	}
	r := &roomy{list: list(), fails: "old"}
	if err := makeRoom(t.Context(), r, most); !errors.Is(err, errShaky) || err.Error() != "delete the oldest, old: it shakes" || !slices.Equal(r.deleted, []string{"oldest"}) {
		t.Errorf("one that cannot go: %v, gone %q", err, r.deleted)
	}
	if err := makeRoom(t.Context(), &roomy{none: jetstream.ErrNoObjectsFound}, 1); err != nil {
		t.Errorf("an empty store: %v", err)
	}
	if err := makeRoom(t.Context(), &roomy{none: errShaky}, 1); !errors.Is(err, errShaky) {
		t.Errorf("a list that fails: %v", err)
	}
}

// TestAModuleOfAnotherNetworkIsLeftAlone: the bucket says whose it is.
func TestAModuleOfAnotherNetworkIsLeftAlone(t *testing.T) {
	j := open(t, Config{})
	store, err := openModules(t.Context(), j.js, dodona.Digest{7})
	if err != nil {
		t.Fatal(err)
	}
	made, err := store.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := checkOwner("bucket b", made.Metadata(), dodona.Digest{7}); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := checkOwner("bucket b", made.Metadata(), dodona.Digest{8}); err == nil || !strings.HasPrefix(err.Error(), "the bucket b belongs to the network") {
		t.Errorf("another one's: %v", err)
	}
	if err := checkOwner("bucket b", nil, dodona.Digest{7}); err == nil || !strings.HasPrefix(err.Error(), "the bucket b was made by another program") {
		t.Errorf("another program's: %v", err)
	}
}

// TestOnlyWhoAsksForASharedRecordLooksForLosses: nothing is decided on what a node alone writes.
func TestOnlyWhoAsksForASharedRecordLooksForLosses(t *testing.T) {
	j := open(t, Config{})
	if err := j.Append(t.Context(), reading(1), claim("report.x.ab", 0)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		topic dodona.Topic
		key   string
		looks error
	}{
		{dodona.TopicReading, "kraken", nil},
		{dodona.TopicClaim, "report.x.ab", errShaky},
	} {
		stream, _ := streamOf(c.topic)
		js, there := &shaky{JetStream: j.js, fails: 1}, j.lanes[stream]
		other := &Journal{cfg: j.cfg, net: j.net, local: j.local, bus: j.bus, nc: j.nc, ctx: j.ctx}
		l := &lane{j: other, spec: there.spec, streamName: there.streamName, stream: &shakyStream{there.stream, js}, dropped: mostPlaces + 1} // too many to be told of
		other.lanes = map[string]*lane{stream: l}
		if _, err := other.Last(t.Context(), c.topic, c.key); !errors.Is(err, c.looks) || (js.calls > 0) != (c.looks != nil) {
			t.Errorf("%s: %d looks, %v; want %v", c.topic, js.calls, err, c.looks)
		}
	}
}
