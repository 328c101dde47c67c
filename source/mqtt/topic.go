package mqtt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// share is how filters of shared subscriptions begin.
const share = "$share/"

// maxTopic is what the protocol takes.
const maxTopic = 65_535

// checkFilter says what is wrong with a topic filter.
func checkFilter(filter string) error {
	shown := plain.Quote(filter, 200)
	if filter == "" {
		return errors.New("an empty one subscribes to nothing")
	}
	if len(filter) > maxTopic || !utf8.ValidString(filter) || strings.Contains(filter, "\x00") {
		return fmt.Errorf("%s is no topic: at most 65535 bytes of UTF-8 without NUL", shown)
	}
	topic := filter
	if strings.HasPrefix(filter, share) {
		name, rest, found := strings.Cut(strings.TrimPrefix(filter, share), "/")
		if !found || name == "" || rest == "" || strings.ContainsAny(name, "+#") {
			return fmt.Errorf("%s: a shared subscription is $share/NAME/FILTER", shown)
		}
		topic = rest
	}
	levels := strings.Split(topic, "/")
	for i, level := range levels {
		switch {
		case strings.Contains(level, "#") && (level != "#" || i != len(levels)-1):
			return fmt.Errorf("%s: # stands alone, as the last level", shown)
		case strings.Contains(level, "+") && level != "+":
			return fmt.Errorf("%s: + stands alone in its level", shown)
		}
	}
	return nil
}

// matches reports whether a topic is of a filter. Topics that begin with $ are of no filter that begins with a wildcard.
func matches(filter, topic string) bool {
	if strings.HasPrefix(filter, share) {
		_, filter, _ = strings.Cut(strings.TrimPrefix(filter, share), "/")
	}
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		of, restOf, more := strings.Cut(filter, "/")
		if of == "#" {
			return true
		}
		level, rest, deeper := strings.Cut(topic, "/")
		if of != "+" && of != level {
			return false
		}
		if !deeper {
			return !more || restOf == "#" // a/# is a too
		}
		if !more {
			return false
		}
		filter, topic = restOf, rest
	}
}

// Brings reports whether messages of a topic, which is their item, can come of the topics.
func (s *Settings) Brings(item string) (brings bool, where string) {
	if s.Sparkplug != nil || len(s.Topics) == 0 {
		return true, ""
	}
	return slices.ContainsFunc(s.Topics, func(filter string) bool { return matches(filter, item) }), "topics"
}

// Hears returns which setting has messages of a topic come from a broker, by host and port, and the filter that does; empty: none.
func (s *Settings) Hears(broker, topic string) (setting, filter string) {
	if broker != s.Broker() {
		return "", ""
	}
	filters := s.filters()
	i := slices.IndexFunc(filters, func(filter string) bool { return matches(filter, topic) })
	switch {
	case i < 0:
		return "", ""
	case s.Sparkplug != nil && (len(s.Metrics) == 0 || len(s.Sparkplug.Groups) > 0):
		setting = "sparkplug"
	case s.Sparkplug != nil:
		setting = "metrics"
	case len(s.Topics) > 0:
		setting = "topics"
	default:
		setting = "preset"
	}
	return setting, filters[i]
}
