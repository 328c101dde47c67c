package journal

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// backlog waits until a reader has so many records left, which a server notes in its own time.
func backlog(t *testing.T, j *Journal, name string, want uint64) {
	t.Helper()
	var got []ReaderStatus
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = j.Status(t.Context()).Readers
		if i := slices.IndexFunc(got, func(r ReaderStatus) bool { return r.Name == name }); i >= 0 && got[i].Backlog == want {
			return
		}
	}
	t.Fatalf("the backlog of %s never is %d: %+v", name, want, got)
}

// TestAReaderOfSomeKeysIsOwedNothingElse: what is not its own is neither given to it nor counted.
func TestAReaderOfSomeKeysIsOwedNothingElse(t *testing.T) {
	j, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	rounds := make(map[string]int)
	say := func(key string, n int) {
		t.Helper()
		for range n {
			rounds[key]++
			rec := dodona.Record{Topic: dodona.TopicData, Key: key, ID: fmt.Sprint(1000 * rounds[key]), Body: []byte("{}")}
			if rounds[key] > 1 {
				rec.After = fmt.Sprint(1000 * (rounds[key] - 1))
			}
			if err := j.Append(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	// look reads as one until there are so many, and finishes all but the last slice unless whole.
	look := func(n int, keys ...string) (seen []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for recs, err := range j.Only(dodona.TopicData, keys...).From(ctx, "me", dodona.TopicData, dodona.TopicAnchor) {
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range recs {
				seen = append(seen, rec.Key+" "+rec.ID)
			}
			if len(seen) >= n {
				cancel()
			}
		}
		return seen
	}
	say("a", 3)
	say("b", 5)
	say("a.b", 7)
	if got, want := look(3, "a"), []string{"a 1000", "a 2000", "a 3000"}; !slices.Equal(got, want) {
		t.Fatalf("a reader of a is given %q", got)
	}
	backlog(t, j, "me", 0)
	say("b", 4)
	say("a", 2)
	backlog(t, j, "me", 2)
	say("b", 1)
	backlog(t, j, "me", 2)
	look(2, "a")
	backlog(t, j, "me", 0)

	// One that had all, and wants another key from then on, is not given what was there before; nor is one that wants all.
	say("b", 1) // 11 of b
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		begun := make(chan struct{})
		go func() { // once the reader is there, and not before
			defer close(begun)
			backlog(t, j, "me", 0)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if info, err := j.lanes["PROOF"].stream.Consumer(ctx, reader("gw-1", "me")); err == nil && len(info.CachedInfo().Config.FilterSubjects) == 3 && info.CachedInfo().NumWaiting > 0 {
					break
				}
			}
			cancel()
		}()
		for recs := range j.Only(dodona.TopicData, "a", "b").From(ctx, "me", dodona.TopicData, dodona.TopicAnchor) {
			t.Errorf("a reader that wants b from now on is given %s %s", recs[0].Key, recs[0].ID)
		}
		<-begun
	}
	say("b", 1)
	if got, want := look(1, "a", "b"), []string{"b 12000"}; !slices.Equal(got, want) {
		t.Errorf("and then it is given %q, want %q", got, want)
	}

	// One that had something left goes on there.
	say("b", 2)
	say("a.b", 1)
	backlog(t, j, "me", 2)
	if got, want := look(3), []string{"b 13000", "b 14000", "a.b 8000"}; !slices.Equal(got, want) {
		t.Errorf("one that wants all is given %q, want %q", got, want)
	}
	backlog(t, j, "me", 0)
}
