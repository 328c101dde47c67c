package evm

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/source"
)

// A contract is an open source.
type contract struct {
	settings Settings
	env      source.Env
	client   *ethrpc.Client
	view     view
	data     []byte // of the call

	mu   sync.Mutex
	last ethrpc.Header // that was read; zero: none
}

// open prepares a client; it reads the files of its route and secrets, and does not dial.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	v, err := parseView(s.signature())
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("call: %w", err))
	}
	data, err := v.encode(s.Args)
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("args: %w", err))
	}
	urls := append([]string(nil), s.RPC...)
	for i, held := range s.RPCSecret {
		url, err := held.Reveal()
		if err == nil {
			err = httpc.CheckURL(fmt.Sprintf("rpc_secret[%d]", i), url, "https://rpc.example/1/KEY", "user and password do not belong into the URL")
		}
		if err != nil {
			return nil, fmt.Errorf("rpc_secret[%d]: %w", i, err)
		}
		urls = append(urls, url)
	}
	client, err := ethrpc.NewClient(ethrpc.Options{
		URLs: urls, ChainID: s.ChainID, Timeout: s.Timeout, Patience: s.Timeout, Agent: "dodona/" + env.Version, Route: s.Route,
	})
	if err != nil {
		if httpc.IsHopeless(err) {
			err = dodona.Permanent(err)
		}
		return nil, err
	}
	return &contract{settings: s, env: env, client: client, view: v, data: data}, nil
}

// Close lets go of idle connections.
func (c *contract) Close() error {
	c.client.Close()
	return nil
}

// errReplaced: the block is no more what it was a moment ago. Ask again.
// Fault (exchange): a block is replaced while it is read.
var errReplaced = errors.New("the block was replaced while it was read")

// Observe asks the contract at one block.
func (c *contract) Observe(ctx context.Context) (b dodona.Batch, err error) {
	begun := c.env.Now()
	chain, err := c.client.ChainID(ctx)
	if err != nil {
		return b, c.failure(ctx, err)
	}
	var found answer
	for range 2 {
		if found, err = c.at(ctx, chain); !errors.Is(err, errReplaced) {
			break
		}
	}
	if err != nil {
		return b, c.failure(ctx, err)
	}
	r, err := c.reading(found)
	if err != nil {
		return b, dodona.Permanent(fmt.Errorf("%s of %s: %w", c.view.signature(), c.settings.Contract, err))
	}
	r.Detail += fmt.Sprintf(", %d ms", r.Received.Sub(begun).Milliseconds())
	return dodona.Batch{Readings: []dodona.Reading{r}}, nil
}

// An answer is what a contract said at one block.
type answer struct {
	chain    uint64
	block    ethrpc.Header
	raw      []byte
	decimals []byte // what decimals() said; nil: it was not asked
}

// at asks at the block that the tag names now.
func (c *contract) at(ctx context.Context, chain uint64) (a answer, err error) {
	a.chain = chain
	tag := cmp.Or(c.settings.Block, latest)
	if a.block, err = c.client.Header(ctx, ethrpc.Block(tag)); err != nil {
		return a, fmt.Errorf("block %s: %w", tag, err)
	}
	block := ethrpc.At(a.block.Number)
	if a.raw, err = c.call(ctx, c.data, block); err != nil {
		return a, err
	}
	if c.settings.Preset == chainlink {
		asked := dodona.Keccak256([]byte("decimals()"))
		if a.decimals, err = c.call(ctx, asked[:4], block); err != nil {
			return a, err
		}
	}
	if tag == finalized {
		return a, nil
	}
	again, err := c.client.Header(ctx, block)
	if err == nil && again.Hash != a.block.Hash || errors.Is(err, dodona.ErrNotFound) {
		return a, fmt.Errorf("block %d: %w", a.block.Number, errReplaced)
	}
	return a, err
}

func (c *contract) call(ctx context.Context, data []byte, at ethrpc.Block) ([]byte, error) {
	raw, err := c.client.CallContract(ctx, ethrpc.Message{To: &c.settings.Contract, Data: data}, at)
	if err == nil && len(raw) == 0 {
		// Fault (exchange): there is no contract at the address.
		return nil, dodona.Permanent(fmt.Errorf("contract %s: it answers nothing: there is no contract at this address of the chain, or it has no %s", c.settings.Contract, c.view.signature()))
	}
	return raw, err
}

// failure says what was asked for and did not come.
func (c *contract) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var said *ethrpc.Error
	switch {
	case errors.As(err, &said) && said.Reverted():
		// Fault (exchange): a contract refuses the call.
		return dodona.Permanent(fmt.Errorf("contract %s refuses %s: %s", c.settings.Contract, c.view.signature(), calldata.ParseRefusal(said.Revert())))
	case errors.Is(err, ethrpc.ErrWrongChain):
		return dodona.Permanent(err)
	case httpc.IsHopeless(err):
		return dodona.Permanent(err)
	}
	return err
}

// document is the body of a reading.
type document struct {
	Chain    string         `json:"chain"`
	Contract string         `json:"contract"`
	Call     string         `json:"call"`
	Block    block          `json:"block"`
	Result   map[string]any `json:"result"`
	Decimals string         `json:"decimals,omitempty"`
	Value    string         `json:"value,omitempty"`
	Raw      string         `json:"raw"`
}

type block struct {
	Tag    Tag    `json:"tag"`
	Number string `json:"number"`
	Hash   string `json:"hash"`
	Time   string `json:"time"`
}

// reading makes a reading of an answer.
func (c *contract) reading(a answer) (r dodona.Reading, err error) {
	result, err := c.view.decode(a.raw)
	if err != nil {
		// Fault (exchange): an answer is of other types than the signature says.
		return r, fmt.Errorf("the answer is none of this signature: %w", err)
	}
	tag := cmp.Or(c.settings.Block, latest)
	mined := time.Unix(int64(a.block.Time), 0).UTC()
	doc := document{
		Chain: strconv.FormatUint(a.chain, 10), Contract: c.settings.Contract.String(), Call: c.view.signature(), Result: result,
		Block: block{tag, strconv.FormatUint(a.block.Number, 10), a.block.Hash.String(), mined.Format(time.RFC3339)},
		Raw:   "0x" + hex.EncodeToString(a.raw),
	}
	if doc.Decimals, doc.Value, err = c.value(a, result); err != nil {
		return r, err
	}
	r = dodona.Reading{Source: c.env.Source, ContentType: "application/json", Received: c.env.Now(), SourceTime: mined}
	if r.Body, err = json.Marshal(doc); err != nil {
		return r, err
	}
	if len(r.Body) > int(largest) {
		return r, fmt.Errorf("the answer is a document of %d bytes, at most %s are taken", len(r.Body), largest)
	}
	r.Detail = fmt.Sprintf("%s at block %d (%s) of chain %d, %d B", c.view.name, a.block.Number, tag, a.chain, len(a.raw))
	if at := c.settings.time(); at != "" {
		r.SourceTime = secondsOf(result[at])
	}
	c.judge(&r, result)
	c.compare(&r, a.block)
	return r, nil
}

// secondsOf returns a time; zero if it is none.
func secondsOf(value any) time.Time {
	text, _ := value.(string)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// value returns what a preset means by its answer: exact, for the decimals are the contract's own.
func (c *contract) value(a answer, result map[string]any) (decimals, value string, err error) {
	places := 18
	name := "value"
	switch c.settings.Preset {
	case chainlink:
		name = "answer"
		said, err := view{name: "decimals", outputs: []typ{{kind: unsigned, bits: 8}}}.decode(a.decimals)
		if err != nil {
			return "", "", fmt.Errorf("decimals(): %w", err)
		}
		text, _ := said["0"].(string)
		if places, err = strconv.Atoi(text); err != nil || places > 77 {
			return "", "", fmt.Errorf("decimals(): %s, want at most 77", text)
		}
	case api3:
	default:
		return "", "", nil
	}
	text, _ := result[name].(string)
	return strconv.Itoa(places), shifted(text, places), nil
}

// shifted writes a whole number with so many of its digits behind the point.
func shifted(text string, places int) string {
	digits, negative := strings.CutPrefix(text, "-")
	if places > 0 {
		digits = strings.Repeat("0", max(0, places+1-len(digits))) + digits
		digits = digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// judge says what a preset's answer is worth.
func (c *contract) judge(r *dodona.Reading, result map[string]any) {
	worse := func(q dodona.Quality, why string) {
		r.Quality = max(r.Quality, q)
		r.Detail += ", " + why
	}
	if c.settings.time() != "" && r.SourceTime.IsZero() {
		worse(dodona.Bad, c.settings.time()+" is no time: nothing was answered yet, or the round is not complete")
	}
	if c.settings.Preset == chainlink {
		answer, _ := result["answer"].(string)
		if !c.settings.AnyAnswer && (answer == "0" || strings.HasPrefix(answer, "-")) {
			// Fault (point): an answer of a Chainlink feed is not above zero.
			worse(dodona.Bad, fmt.Sprintf("the answer is %s, and a price is above zero: the feed was never started or is given up; if it may be so, as of a rate, set any_answer: true", answer))
		}
		round, errRound := dodona.ParseDecimal(fmt.Sprint(result["roundId"]))
		in, errIn := dodona.ParseDecimal(fmt.Sprint(result["answeredInRound"]))
		if errRound == nil && errIn == nil && in.Cmp(round) < 0 {
			worse(dodona.Uncertain, "the round has the answer of an earlier one")
		}
	}
}

// compare says how a block stands to the one that was read before.
func (c *contract) compare(r *dodona.Reading, now ethrpc.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.last
	switch {
	case before.Hash.IsZero():
	case now.Number < before.Number:
		r.Quality = max(r.Quality, dodona.Uncertain)
		// Fault (doubt): an endpoint is behind, or the chain was replaced.
		r.Detail += fmt.Sprintf(", block %d was read before: an endpoint is behind, or the chain was replaced", before.Number)
	case now.Number == before.Number && now.Hash != before.Hash:
		r.Detail += ", in place of another block of this number (reorganisation)"
	case now.Number == before.Number+1 && now.Parent != before.Hash:
		r.Detail += ", behind another block than was read before (reorganisation)"
	}
	c.last = now
}
