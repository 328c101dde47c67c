//go:build integration

package mqtt_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/mqtt"
)

// A kept journal keeps what a source brought.
type kept struct {
	mu       sync.Mutex
	readings []dodona.Reading
	batches  int
	slow     time.Duration // what an append takes
}

func (k *kept) append(ctx context.Context, b dodona.Batch) error {
	backoff.Wait(ctx, k.slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batches++
	k.readings = append(k.readings, b.Readings...)
	return nil
}

func (k *kept) all() []dodona.Reading {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]dodona.Reading(nil), k.readings...)
}

// of returns the readings of an item.
func (k *kept) of(item string) (list []dodona.Reading) {
	for _, r := range k.all() {
		if r.Item == item {
			list = append(list, r)
		}
	}
	return list
}

func (k *kept) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.readings)
}

// pump observes with settings until the test ends, or stop is called.
func pump(t *testing.T, s *mqtt.Settings, k *kept) (p *source.Pump, stop func()) {
	t.Helper()
	p = source.NewPump(source.Config{
		Name: "subject", Node: "gw", Kind: mqtt.Kind, Settings: s, Append: k.append,
		Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Run(ctx) // returns nil when ctx ends
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return p, stop
}

// A publisher publishes 1, 2, 3 … and each again until the broker has taken it.
type publisher struct {
	mu   sync.Mutex
	sent int
}

func (p *publisher) run(ctx context.Context, broker, topic string) {
	var s mqttc.Settings
	s.Default()
	s.URL, s.KeepAlive, s.ConnectTimeout = broker, time.Second, 2*time.Second
	var d mqttc.Dialer
	var conn *mqttc.Conn
	for n := 1; ctx.Err() == nil; {
		if conn == nil {
			var err error
			if conn, err = d.Dial(ctx, mqttc.Config{Settings: s, ClientID: "publisher", Clean: true}); err != nil {
				conn = nil
				backoff.Wait(ctx, 20*time.Millisecond)
				continue
			}
		}
		if err := conn.Publish(ctx, mqttc.Message{Topic: topic, Payload: fmt.Append(nil, n), QoS: 1}); err != nil {
			_ = conn.Close()
			conn = nil
			continue
		}
		p.mu.Lock()
		p.sent = n
		p.mu.Unlock()
		n++
	}
	if conn != nil {
		_ = conn.Close()
	}
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

func TestABrokerThatIsKilledTenTimesUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s := settings(b.URL)
	k := &kept{}
	pump(t, s, k)
	eventually(t, "the broker has not kept the session", func() bool {
		db, _ := os.ReadFile(filepath.Join(b.Folder, "mosquitto.db"))
		return bytes.Contains(db, []byte("plant/#"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	var load publisher
	done := make(chan struct{})
	go func() {
		defer close(done)
		load.run(ctx, b.URL, "plant/n")
	}()
	for range 10 {
		before := k.count()
		eventually(t, "nothing comes", func() bool { return k.count() >= before+50 })
		b.Kill()
		b.Restart()
	}
	before := load.count()
	eventually(t, "nothing is published", func() bool { return load.count() >= before+50 })
	cancel()
	<-done
	sent := load.count()
	got := map[string]int{}
	missing := func() (n int) {
		clear(got)
		for _, r := range k.all() {
			got[string(r.Body)]++
		}
		for i := range sent {
			if got[fmt.Sprint(i+1)] == 0 {
				n++
			}
		}
		return n
	}
	eventually(t, "some are missing", func() bool { return missing() == 0 })
	twice := 0
	for _, n := range got {
		twice += n - 1
	}
	t.Logf("%d messages, ten kills: 0 lost, %d came twice", sent, twice)
}

func TestWhatTheJournalHasIsNotTakenTwice(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s := settings(b.URL)
	k := &kept{}
	pump(t, s, k)
	eventually(t, "nobody has subscribed", func() bool { return bytes.Contains([]byte(b.Output()), []byte("subject 1 plant/#")) })
	for n := range 3 {
		pub(t, b, "-t", "plant/n", "-m", fmt.Sprint(n))
	}
	eventually(t, "not all came", func() bool { return k.count() == 3 })
	b.Stop() // which saves its state, and whom it owes what
	b.Restart()
	pub(t, b, "-t", "plant/n", "-m", "3")
	eventually(t, "not all came", func() bool { return len(k.of("plant/n")) >= 4 })
	for n, r := range k.all() {
		if string(r.Body) != fmt.Sprint(n) {
			t.Errorf("reading %d is %s", n, r.Body)
		}
	}
}

func TestARetainedMessageIsNeverFreshByItsArrival(t *testing.T) {
	t.Parallel()
	for _, version := range []mqttc.Version{mqttc.Five, mqttc.Three} {
		b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
		pub(t, b, "-r", "-t", "plant/n", "-m", `{"v":1}`)
		s := settings(b.URL)
		s.Version = version
		k := &kept{}
		pump(t, s, k)
		eventually(t, "it does not come", func() bool { return k.count() == 1 })
		r := k.all()[0]
		if r.Quality != dodona.Uncertain || r.SourceTime.Unix() != 0 || r.SourceTime.IsZero() || !bytes.Contains([]byte(r.Detail), []byte("retained:")) {
			t.Errorf("%s: the retained one is %+v", version, r)
		}
		pub(t, b, "-t", "plant/n", "-m", `{"v":2}`)
		eventually(t, "the live one does not come", func() bool { return k.count() == 2 })
		if r := k.all()[1]; r.Quality != dodona.Good || !r.SourceTime.IsZero() {
			t.Errorf("%s: the live one is %+v", version, r)
		}
		pub(t, b, "-r", "-t", "plant/n", "-m", `{"v":3}`)
		eventually(t, "the live one does not come", func() bool { return k.count() == 3 })
		b.Stop()
		b.Restart() // and the broker says again what it keeps: the same
		eventually(t, "nobody has subscribed again", func() bool { return bytes.Contains([]byte(b.Output()), []byte("subject 1 plant/#")) })
		pub(t, b, "-t", "plant/n", "-m", `{"v":4}`)
		eventually(t, "the live one does not come", func() bool { return len(k.all()) >= 4 })
		if r := k.all()[3]; string(r.Body) != `{"v":4}` {
			t.Errorf("%s: what was known already came again as %+v", version, r)
		}
	}
}

func TestTopicsAreBounded(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	s := settings(b.URL)
	s.MaxTopics = 3
	k := &kept{}
	p, _ := pump(t, s, k)
	eventually(t, "nobody has subscribed", func() bool { return bytes.Contains([]byte(b.Output()), []byte("subject 1 plant/#")) })
	for n := range 5 {
		pub(t, b, "-t", fmt.Sprint("plant/", n), "-m", "1")
	}
	pub(t, b, "-t", "plant/0", "-m", "2")
	eventually(t, "the known topic is silent", func() bool { return len(k.of("plant/0")) == 2 })
	if got := p.Status(); k.count() != 4 || got.Dropped != 2 || !bytes.Contains([]byte(got.LastDrop), []byte("max_topics, 3")) {
		t.Errorf("%d readings, %d dropped: %s", k.count(), got.Dropped, got.LastDrop)
	}
}

func TestASharedSubscriptionIsShared(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	var both [2]kept
	for i := range both {
		s := settings(b.URL)
		s.ClientID, s.Topics = fmt.Sprint("subject", i), []string{"$share/plant/plant/#"}
		pump(t, s, &both[i])
		eventually(t, "nobody has subscribed", func() bool {
			return bytes.Contains([]byte(b.Output()), fmt.Appendf(nil, "subject%d 1 $share/plant/plant/#", i))
		})
	}
	for n := range 10 {
		pub(t, b, "-t", "plant/n", "-m", fmt.Sprint(n))
	}
	eventually(t, "not all came", func() bool { return both[0].count()+both[1].count() == 10 })
	if both[0].count() == 0 || both[1].count() == 0 {
		t.Errorf("%d and %d came", both[0].count(), both[1].count())
	}
}

// BenchmarkMessages is how fast messages become readings that the journal has.
func BenchmarkMessages(b *testing.B) {
	broker := mosquittotest.Start(b, mosquittotest.Options{})
	s := settings(broker.URL)
	k := &kept{slow: 2 * time.Millisecond} // what a flush takes
	p := source.NewPump(source.Config{Name: "subject", Kind: mqtt.Kind, Settings: s, Append: k.append})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Run(ctx)
	}()
	var own mqttc.Settings
	own.Default()
	own.URL = broker.URL
	conn, err := new(mqttc.Dialer).Dial(ctx, mqttc.Config{Settings: own, ClientID: "publisher", Clean: true})
	if err != nil {
		b.Fatal(err)
	}
	for p.Status().Exchanges == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	b.ResetTimer()
	for n := range b.N {
		if _, err := conn.Send(ctx, mqttc.Message{Topic: fmt.Sprint("plant/", n%100), Payload: []byte(`{"t":21.5,"ts":"2026-11-30T12:00:00Z"}`), QoS: 1}); err != nil {
			b.Fatal(err)
		}
	}
	for k.count() < b.N {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(k.count())/float64(k.batches), "messages/batch")
	_ = conn.Close()
	cancel()
	<-done
}
