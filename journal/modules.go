package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	bucketModules  = "modules"     // an object store for each network: Wasm by digest
	maxModuleBytes = 32 * unit.MiB // of all modules that are kept
)

// KeepModule keeps the bytes of a module under a digest, so that whoever replays its rounds, in whatever process and
// however many releases later, has what made them. Modules that are kept already cost a look. The oldest ones give way
// when there is no room; their rounds are still explained, but only replayed with the file.
func (j *Journal) KeepModule(ctx context.Context, digest dodona.Digest, wasm []byte) error {
	if err := j.keepModule(ctx, digest, wasm); err != nil {
		return fmt.Errorf("keep module %s: %w", digest.Short(), err)
	}
	return nil
}

func (j *Journal) keepModule(ctx context.Context, digest dodona.Digest, wasm []byte) error {
	store, err := openModules(ctx, j.js, j.cfg.Network)
	if err != nil {
		return err
	}
	if _, err := store.GetInfo(ctx, digest.String()); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrObjectNotFound) {
		return err
	}
	if err := makeRoom(ctx, store, uint64(len(wasm))); err != nil {
		return err
	}
	_, err = store.PutBytes(ctx, digest.String(), wasm)
	return err
}

// openModules opens the bucket of a network's modules, and makes it if there is none. One of that name that belongs to
// another network is left alone.
func openModules(ctx context.Context, js jetstream.JetStream, network dodona.Digest) (jetstream.ObjectStore, error) {
	cfg := jetstream.ObjectStoreConfig{
		Bucket: scopeOf(network).stream(bucketModules), MaxBytes: int64(maxModuleBytes), Storage: jetstream.FileStorage,
		Description: "Wasm modules by SHA-256",
		Metadata:    map[string]string{layoutKey: layout, networkKey: network.String()},
	}
	store, err := js.ObjectStore(ctx, cfg.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return js.CreateOrUpdateObjectStore(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	made, err := store.Status(ctx)
	if err != nil {
		return nil, err
	}
	return store, checkOwner("bucket "+cfg.Bucket, made.Metadata(), network)
}

// makeRoom deletes the oldest modules until another of that size fits.
func makeRoom(ctx context.Context, store jetstream.ObjectStore, size uint64) error {
	list, err := store.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return err
	}
	slices.SortFunc(list, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	const most = uint64(maxModuleBytes) * 9 / 10 // chunks have headers
	kept := size
	for _, o := range list {
		kept += o.Size
	}
	for _, o := range list {
		if kept <= most {
			break
		}
		if err := store.Delete(ctx, o.Name); err != nil {
			return fmt.Errorf("delete the oldest, %s: %w", o.Name, err)
		}
		kept -= o.Size
	}
	return nil
}

// Module returns the bytes of a module that [Journal.KeepModule] kept, or [dodona.ErrNotFound].
func (j *Journal) Module(ctx context.Context, digest dodona.Digest) ([]byte, error) {
	store, err := j.js.ObjectStore(ctx, j.net.stream(bucketModules))
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, dodona.ErrNotFound
	}
	var wasm []byte
	if err == nil {
		wasm, err = store.GetBytes(ctx, digest.String())
	}
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return nil, dodona.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("read module %s: %w", digest.Short(), err)
	}
	return wasm, nil
}
