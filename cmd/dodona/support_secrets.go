package main

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/redact"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// secrets collects what must not leave the machine, so that it is found wherever it is repeated.
type secrets struct {
	there  func(path string) string // as the node means it
	read   func(path string) ([]byte, error)
	list   []string
	unread []string // files and variables that could not be read
	env    map[string]string
}

// newSecrets collects the secrets of a configuration, of the data folder and of the environments of this process and the node's.
func newSecrets(ctx context.Context, s *scene) *secrets {
	k := &secrets{there: func(path string) string { return s.there(ctx, path) }, env: environmentOf(s.pid), read: func(path string) ([]byte, error) {
		return unhung(ctx, fileTime, func() ([]byte, error) { return readSome(path, 64<<10) })
	}}
	for name, value := range k.env {
		if secretName.MatchString(name) {
			k.add(value)
		}
		k.url(value)
	}
	if s.loaded == nil {
		return k
	}
	k.walk(reflect.ValueOf(s.loaded))
	if s.data != "" {
		for _, name := range []string{"password", "salts", "node.json"} {
			k.file(filepath.Join(s.data, "keys", name))
		}
	}
	return k
}

// secretName matches the names of variables and query values that hold secrets.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|private|mnemonic|cookie|auth|session|signature|(^|_|-|api|access)key`)

func (k *secrets) add(text string) {
	if text != "" {
		k.list = append(k.list, text)
	}
}

// file takes up what a file holds.
func (k *secrets) file(path string) {
	path = k.there(path)
	content, err := k.read(path)
	if err == nil {
		k.add(string(content))
	} else if errors.Is(err, errHangs) {
		k.unread = append(k.unread, path+": "+err.Error())
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) { // what is not there is no secret
		k.unread = append(k.unread, err.Error())
	}
}

var (
	stringType      = reflect.TypeFor[secret.String]()
	keyType         = reflect.TypeFor[keyfile.Key]()
	certificateType = reflect.TypeFor[httpc.Certificate]()
)

// walk looks for secrets in settings.
func (k *secrets) walk(v reflect.Value) {
	switch v.Type() {
	case stringType:
		k.secret(v.Interface().(secret.String))
		return
	case keyType:
		if key := v.Interface().(keyfile.Key); key.File != "" {
			k.file(key.File)
		}
	case certificateType:
		if c := v.Interface().(httpc.Certificate); c.Key != "" {
			k.file(c.Key)
		} else if c.Cert != "" {
			k.file(c.Cert)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			k.walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); config.Private(key) && f.Type.Kind() == reflect.String {
					k.add(v.Field(i).String())
				}
				k.walk(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			k.walk(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			k.walk(v.MapIndex(key))
		}
	case reflect.String:
		k.url(v.String())
	}
}

func (k *secrets) secret(s secret.String) {
	switch {
	case s.File != "":
		k.file(s.File)
	case s.Env != "":
		value, found := k.env[s.Env]
		if !found {
			k.unread = append(k.unread, "environment variable "+s.Env)
		}
		k.add(value)
	default:
		text, _ := s.Reveal() // in clear: cannot fail
		k.add(text)
	}
}

// url takes up what is secret in a URL, so that it is found where it is repeated without the rest of it.
func (k *secrets) url(text string) {
	u, err := url.Parse(text)
	if err != nil || !strings.Contains(text, "://") {
		return
	}
	if password, has := u.User.Password(); has {
		k.add(password)
	} else if redact.Token(u.User.Username()) {
		k.add(u.User.Username())
	}
	for name, values := range u.Query() {
		for _, value := range values {
			if secretName.MatchString(name) || redact.Token(value) {
				k.add(value)
			}
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if redact.Token(part) {
			k.add(part)
		}
	}
}

// hidePrivate masks what no type calls a secret and is nobody else's business.
func hidePrivate(n *strict.Node, private bool) {
	odd := strings.Contains(n.Text, "://") && strings.ContainsAny(n.Text, " \t\r\n") // where its query ends nobody can say
	if (private || odd) && n.Kind == strict.Scalar && n.Text != "" {
		n.Text = secret.Mask
	}
	for _, e := range n.Entries {
		hidePrivate(e.Value, private || config.Private(e.Key))
	}
	for _, item := range n.Items {
		hidePrivate(item, private)
	}
}

// environmentOf returns the variables of this process and, above them, of the node's where that may be read.
func environmentOf(pid int) map[string]string {
	all := os.Environ()
	if text, err := readProc(pid, "environ"); err == nil {
		all = append(all, strings.Split(string(text), "\x00")...)
	}
	env := make(map[string]string, len(all))
	for _, v := range all {
		if name, value, found := strings.Cut(v, "="); found {
			env[name] = value
		}
	}
	return env
}
