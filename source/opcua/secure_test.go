//go:build integration

package opcua

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// once returns what one Observe of a source of its own brings.
func once(t *testing.T, s *Settings, folder string) (dodona.Batch, error) {
	t.Helper()
	opened, err := Kind.Open(t.Context(), s, env(t, folder))
	if err != nil {
		return dodona.Batch{}, err
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return opened.Observe(ctx)
}

// first returns what the first readings of a subscription are.
func first(t *testing.T, s *Settings, folder string) ([]dodona.Reading, error) {
	t.Helper()
	opened, err := Kind.Open(t.Context(), s, env(t, folder))
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, err := opened.Observe(ctx)
		if err != nil || len(b.Readings) > 0 {
			return b.Readings, err
		}
	}
}

// ways are the security policies with both modes, and how users say who they are.
func ways(user *made) (list []func(*Settings)) {
	for _, policy := range policies {
		for _, mode := range []Security{securitySign, securityBoth} {
			list = append(list, func(s *Settings) { s.Security, s.Policy = mode, policy })
		}
	}
	return append(list,
		func(s *Settings) { s.Security, s.User, s.Password = securityBoth, "edge", secret.New("s3cret") },
		func(s *Settings) { s.Security, s.Cert, s.Key = securityBoth, user.file, user.pem },
		func(s *Settings) {},
		func(s *Settings) { s.User, s.Password, s.PasswordUnprotected = "edge", secret.New("s3cret"), true },
	)
}

// speaks tries all ways with a server.
func speaks(t *testing.T, p *plant, server *made) {
	folder, user := trusted(t, server.cert), maker{uri: "urn:dodona:test:user"}.make(t)
	for _, change := range ways(user) {
		s := settings(p.endpoint, change)
		readings, err := first(t, s, folder)
		if err != nil || len(readings) != 1 || readings[0].Quality != dodona.Good {
			t.Errorf("%s %s user %q cert %q: subscription %v, %v", s.Security, s.Policy, s.User, s.Cert, readings, err)
			continue
		}
		s.Read = readPoll
		b, err := once(t, s, folder)
		if err != nil || len(b.Readings) != 1 || b.Readings[0].Quality != dodona.Good {
			t.Errorf("%s %s: poll %v, %v", s.Security, s.Policy, b.Readings, err)
		}
	}
	wrong := settings(p.endpoint, func(s *Settings) { s.Security, s.User, s.Password = securityBoth, "edge", secret.New("wrong") })
	if _, err := once(t, wrong, folder); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "check user and password") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password gave %v, want a permanent error that says what to check", err)
	}
}
