package config

import (
	"fmt"
	"reflect"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// exclusive refuses a unit that has what one before it has and only one may: kinds that know such a thing, as a client id at a broker,
// name it by a method Exclusive.
func (l *loader) exclusive(where string, settings any, of strict.Entry) {
	x, has := settings.(interface{ Exclusive() string })
	if !has || x.Exclusive() == "" {
		return
	}
	what := x.Exclusive()
	if other, taken := l.held[what]; taken {
		l.tell(subject{where: where, node: of.Value, at: of.At, settings: reflect.TypeOf(settings)}, fmt.Errorf("%s, which %s has: no two may have the same", what, other))
		return
	}
	if l.held == nil {
		l.held = map[string]string{}
	}
	l.held[what] = where
}
