package capability

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// A deaf guest is told what went wrong, and nothing else.
type deaf struct{ abi.Guest }

func (deaf) Tell(error) {}

// opened are instances of a module that was granted to fetch, and has no host that fetches for it.
func opened(granted manifest.HTTPGet, instances int) (of []*gets) {
	each := httpGet.Open(abi.World{Granted: manifest.Capabilities{HTTPGet: &granted}, Host: &abi.Host{}})
	for range instances {
		of = append(of, each().(*gets))
	}
	return of
}

// TestTheGrantedRateIsOfAllInstancesTogether fetches from this machine, which is granted here and never dialled: what the rate
// lets through ends as not granted, and the rest says try again.
func TestTheGrantedRateIsOfAllInstancesTogether(t *testing.T) {
	for granted, most := range map[int]int{0: manifest.DefaultGetPerSecond, 1: 1, 3: 3, 7: 7} {
		synctest.Test(t, func(t *testing.T) {
			instances := opened(manifest.HTTPGet{Hosts: []string{"127.0.0.1"}, PerSecond: granted}, 2)
			for second := range 2 {
				for i := range 2 * most {
					want := int32(-abi.EACCES)
					if i >= most {
						want = -abi.EAGAIN
					}
					if got := instances[i%2].fetch(deaf{}, t.Context(), "https://127.0.0.1/"); got.Code != want {
						t.Errorf("%d a second, second %d, get %d: got %d, want %d", granted, second, i, got.Code, want)
					}
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// TestHostsThatAreNotGrantedTakeNothingOfTheRate tells them apart from those that are: both end as not granted.
func TestHostsThatAreNotGrantedTakeNothingOfTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := opened(manifest.HTTPGet{Hosts: []string{"127.0.0.1:8443"}, PerSecond: 1}, 1)[0]
		for i, want := range []struct {
			url  string
			code int32
		}{
			{"https://127.0.0.1/", -abi.EACCES},
			{"https://127.0.0.2:8443/", -abi.EACCES},
			{"https://127.0.0.1:8443/", -abi.EACCES},
			{"https://127.0.0.1:8443/", -abi.EAGAIN},
			{"https://127.0.0.1/", -abi.EACCES},
		} {
			if got := one.fetch(deaf{}, t.Context(), want.url); got.Code != want.code {
				t.Errorf("get %d of %s: got %d, want %d", i, want.url, got.Code, want.code)
			}
		}
	})
}

func TestAnAnswerIsBoundedAsGranted(t *testing.T) {
	for granted, want := range map[int]int{0: manifest.DefaultGetBytes, 1000: 1000, manifest.MaxGetBytes: manifest.MaxGetBytes} {
		if got := opened(manifest.HTTPGet{Hosts: []string{"a.example"}, Bytes: granted}, 1)[0].limit; got != want {
			t.Errorf("%d bytes granted: an answer may have %d, want %d", granted, got, want)
		}
	}
	got := fetching(manifest.HTTPGet{Hosts: []string{"a.example"}, PerSecond: 3, Bytes: 1000}, httpc.Route{})
	if want := (egress.Options{Hosts: []string{"a.example"}, PerSecond: 3, Bytes: 1000}); !reflect.DeepEqual(got, want) {
		t.Errorf("fetched is with %+v, want %+v", got, want)
	}
}
