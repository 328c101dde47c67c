//go:build !no.bus.server

package bus

import (
	"cmp"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Embeds reports whether this build has a server of its own.
const Embeds = true

// newEngine makes a server that listens nowhere and is not started, whose streams may be promised so many bytes.
func (s *Server) newEngine(promise int64) (engine, error) {
	made, err := server.NewServer(&server.Options{
		ServerName:         "dodona-" + s.c.Node,
		Host:               s.host,
		Port:               cmp.Or(s.port, server.RANDOM_PORT),
		Username:           s.user,
		Password:           s.password,
		DontListen:         true,
		NoSigs:             true,
		NoLog:              true,
		JetStream:          true,
		StoreDir:           s.c.Dir,
		JetStreamMaxStore:  promise,
		JetStreamMaxMemory: 1 << 20,
		SyncAlways:         !s.c.Unsynced, // the default acknowledges minutes before it syncs
		SyncInterval:       2 * time.Minute,
		MaxPayload:         MaxPayload,
		MaxPending:         64 << 20,
		MaxSubs:            256,
	})
	if err != nil {
		return nil, err
	}
	made.SetLoggerV2(serverLog{s}, false, false, false)
	return made, nil
}
