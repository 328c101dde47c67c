package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
)

// cents is a price in hundredths of a dollar: the demo's own arithmetic is exact as well.
type cents int64

func (c cents) String() string { return fmt.Sprintf("%d.%02d", c/100, c%100) }

func (c cents) decimal() dodona.Decimal { return dodona.NewInt192(int64(c)).Decimal(2) }

func (c cents) thousands() dodona.Decimal { return dodona.NewInt192(int64(c)).Decimal(5) }

// A market is a seeded walk that three exchanges quote, each with its own small spread.
type market struct {
	mu     sync.Mutex
	rng    *rand.Rand
	price  cents
	honest []quote // what was served honestly, oldest first
	lies   int
	hangs  int
	down   bool // the servers are unplugged
}

type quote struct {
	at    time.Time
	price cents
}

func newMarket(seed uint64) *market {
	return &market{rng: rand.New(rand.NewPCG(seed, seed)), price: 4_321_855}
}

// quote moves the walk a little and remembers what an honest exchange says now.
func (m *market) quote() cents {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.price += cents(m.rng.Int64N(801) - 400)
	said := m.price + cents(m.rng.Int64N(401)-200)
	m.honest = append(m.honest, quote{time.Now(), said})
	return said
}

// chance reports true once in n calls on average.
func (m *market) chance(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rng.IntN(n) == 0
}

func (m *market) count(counter *int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*counter++
}

// plug pulls the plug of the servers, or puts it in again.
func (m *market) plug(in bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = !in
}

// reached serves while the servers are plugged in; otherwise a connection ends without a word.
func (m *market) reached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		down := m.down
		m.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// spread returns the lowest and highest honest quote served between from and to, and whether there was any.
func (m *market) spread(from, to time.Time) (low, high cents, found bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range m.honest {
		if q.at.Before(from) || q.at.After(to) {
			continue
		}
		if !found {
			low, high, found = q.price, q.price, true
		}
		low, high = min(low, q.price), max(high, q.price)
	}
	return low, high, found
}

func (m *market) faults() (lies, hangs int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lies, m.hangs
}

// coingecko speaks the CoinGecko API v3 "simple price"; it lies by a factor of ten every now and then.
func (m *market) coingecko(w http.ResponseWriter, _ *http.Request) {
	price := m.quote()
	if m.chance(3) {
		m.count(&m.lies)
		price *= 10
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprintf(w, `{"bitcoin":{"usd":%s}}`, price)
}

// kraken speaks the Kraken REST API "Ticker"; it hangs every now and then.
func (m *market) kraken(w http.ResponseWriter, r *http.Request) {
	if m.chance(6) {
		m.count(&m.hangs)
		<-r.Context().Done() // until the client gives up or the server is closed
		return
	}
	price := m.quote()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"error":[],"result":{"XXBTZUSD":{"a":["%[1]s000","1","1.000"],"b":["%[1]s000","2","2.000"],`+
		`"c":["%[1]s000","0.00500000"],"v":["812.50339127","2150.99314125"],"p":["%[1]s000","%[1]s000"],`+
		`"t":[21034,54021],"l":["%[1]s000","%[1]s000"],"h":["%[1]s000","%[1]s000"],"o":"%[1]s000"}}}`, price)
}

// binance speaks the Binance API v3 "ticker/price".
func (m *market) binance(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	fmt.Fprintf(w, `{"symbol":"BTCUSDT","price":"%s000000"}`, m.quote())
}

// exchanges are three servers on loopback, each at a port of its own.
type exchanges struct {
	servers []*http.Server
	hosts   *strings.Replacer // from the real hosts to ours
	done    sync.WaitGroup
}

// open starts the three servers. Close ends them and waits.
func open(m *market) (*exchanges, error) {
	e := &exchanges{}
	var hosts []string
	for _, x := range []struct {
		real, path string
		handler    http.HandlerFunc
	}{
		{"https://api.coingecko.com", "GET /api/v3/simple/price", m.coingecko},
		{"https://api.kraken.com", "GET /0/public/Ticker", m.kraken},
		{"https://api.binance.com", "GET /api/v3/ticker/price", m.binance},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			e.close()
			return nil, fmt.Errorf("start price server: %w", err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc(x.path, x.handler)
		server := &http.Server{Handler: m.reached(mux), ReadHeaderTimeout: 5 * time.Second}
		e.servers = append(e.servers, server)
		e.done.Go(func() { _ = server.Serve(listener) }) // returns ErrServerClosed
		hosts = append(hosts, x.real, "http://"+listener.Addr().String())
	}
	e.hosts = strings.NewReplacer(hosts...)
	return e, nil
}

func (e *exchanges) close() {
	for _, s := range e.servers {
		_ = s.Close()
	}
	e.done.Wait()
}
