package coap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/dodona-oracle/dodona"
)

// A representation is what a device says of a resource.
type representation struct {
	body   []byte
	format uint32
	named  bool // it has a format
	etag   []byte
	maxAge time.Duration
	blocks int
	again  bool // it is as it was: 2.03
}

// A badBody is what a device says that cannot be taken, though it was understood.
type badBody struct{ why string }

func (b *badBody) Error() string { return b.why }

func unfit(format string, args ...any) error { return &badBody{fmt.Sprintf(format, args...)} }

// errChanged: the resource changed while its blocks were read. Read it once more.
// Fault (point): a resource changes while its blocks are read.
var errChanged = errors.New("the resource changed while its blocks were read")

// whole returns what a response begins, with its other blocks, which are asked for (RFC 7959 §2.4).
func (c *client) whole(ctx context.Context, r *resource, m message.Message) (representation, error) {
	if err := refused(m); err != nil {
		return representation{}, err
	}
	got := representation{maxAge: maxAge(m)}
	got.format, got.named = number(m, message.ContentFormat)
	got.etag, _ = m.Options.GetBytes(message.ETag)
	if wanted, asked := formats[c.settings.Accept]; asked && got.named && got.format != wanted {
		return got, unfit("it answers in %s, and %s was asked for", formatText(got.format), c.settings.Accept)
	}
	size, found := number(m, message.Size2)
	if found && uint64(size) > uint64(c.settings.MaxSize) {
		return got, unfit("a body of %d B is larger than max_size (%s)", size, c.settings.MaxSize)
	}
	for {
		b, inBlocks, err := blockOf(m)
		if err != nil {
			return got, unfit("%s", err)
		}
		if err := c.add(&got, b, inBlocks, m.Payload); err != nil {
			return got, err
		}
		if !b.more {
			return got, nil
		}
		next := block{number: uint32(len(got.body) / b.size), size: b.size}
		asks := c.get(r)
		asks.Options = with(asks.Options, message.Block2, next.value())
		if m, err = c.link.ask(ctx, asks); err != nil {
			return got, fmt.Errorf("behind %d B in %d blocks: %w", len(got.body), got.blocks, err)
		}
		if err := refused(m); err != nil {
			return got, err
		}
		format, named := number(m, message.ContentFormat)
		etag, _ := m.Options.GetBytes(message.ETag)
		if string(etag) != string(got.etag) || named != got.named || format != got.format {
			return got, errChanged
		}
	}
}

// add puts a block behind what is there.
func (c *client) add(got *representation, b block, inBlocks bool, payload []byte) error {
	got.blocks++
	switch {
	case len(got.body)+len(payload) > int(c.settings.MaxSize):
		return unfit("a body of more than %d B is larger than max_size (%s)", len(got.body), c.settings.MaxSize)
	case !inBlocks && got.blocks > 1:
		return unfit("a block was asked for, and all of it came")
	case inBlocks && int(b.number)*b.size != len(got.body):
		return unfit("block %d was asked for, and block %d came", len(got.body)/b.size, b.number)
	case inBlocks && (b.more && len(payload) != b.size || len(payload) > b.size):
		return unfit("a block of %d B has %d", b.size, len(payload))
	}
	got.body = append(got.body, payload...)
	return nil
}

// fetch reads a resource. What is known of it is not sent again if it is the same.
func (c *client) fetch(ctx context.Context, r *resource, known representation) (representation, error) {
	const tries = 3
	for try := 1; ; try++ {
		asks := c.get(r)
		if len(known.etag) > 0 {
			asks.Options = withBytes(asks.Options, message.ETag, known.etag)
		}
		m, err := c.link.ask(ctx, asks)
		if err != nil {
			return representation{}, err
		}
		if m.Code == codes.Valid && len(known.etag) > 0 {
			known.maxAge, known.again, known.blocks = maxAge(m), true, 0
			return known, nil
		}
		got, err := c.whole(ctx, r, m)
		if errors.Is(err, errChanged) {
			if try < tries {
				continue
			}
			err = unfit("%s, %d times", errChanged, tries)
		}
		return got, err
	}
}

// reading returns the reading of a representation.
func (c *client) reading(r *resource, got representation, how string, begun time.Time) dodona.Reading {
	now := c.env.Now()
	what := fmt.Sprintf("2.05, %d B", len(got.body))
	switch {
	case got.again:
		what = fmt.Sprintf("2.03, %d B as before", len(got.body))
	case got.blocks > 1:
		what += fmt.Sprintf(" in %d blocks", got.blocks)
	}
	if got.named && mediaTypes[got.format] == "" {
		what += fmt.Sprintf(", Content-Format %d", got.format)
	}
	media := ""
	if got.named {
		media = mediaTypes[got.format]
	}
	return dodona.Reading{
		Source: c.env.Source, Item: r.item, Body: got.body, ContentType: media, Received: now,
		Detail: fmt.Sprintf("%s %s %s, %d ms", how, c.address, what, now.Sub(begun).Milliseconds()),
	}
}

// bad returns the reading of a resource that could not be read.
func (c *client) bad(r *resource, err error) dodona.Reading {
	return dodona.Reading{
		Source: c.env.Source, Item: r.item, Received: c.env.Now(), Quality: dodona.Bad, Detail: fmt.Sprintf("GET %s: %s", c.address, err),
	}
}

func formatText(n uint32) string {
	if media, known := mediaTypes[n]; known {
		return media
	}
	return fmt.Sprintf("Content-Format %d", n)
}
