package coap

import (
	"context"
	"net/url"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// scan tells the resources that a device says it has, each as a source of its own.
func scan(ctx context.Context, s Settings, within source.Range, _ source.Env, found func(source.Found) error) (more bool, err error) {
	list, all, err := Discover(ctx, s, within.Most)
	if err != nil {
		return false, err
	}
	base, err := url.Parse(s.URL)
	if err != nil {
		return false, err
	}
	for _, r := range list {
		if !strings.HasPrefix(r.Path, within.Of) {
			continue
		}
		one := s
		one.URL, one.Paths, one.Observe = base.Scheme+"://"+base.Host+r.Path, nil, r.Observable
		note := strings.Join(append(append([]string{r.Title}, r.Types...), r.Formats...), " ")
		if err := found(source.Found{Name: r.Path, Point: one, Note: strings.TrimSpace(plain.Line(note, 100))}); err != nil {
			return false, err
		}
	}
	return !all, nil
}
