package manifest

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRefusedTrustFiles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Trust)
		says   string
	}{
		"format":         {func(t *Trust) { t.Format = 2 }, "format 2"},
		"version 0":      {func(t *Trust) { t.Version = 0 }, "version 0"},
		"no keys":        {func(t *Trust) { t.Keys = map[string]PublicKey{} }, "0 keys"},
		"other id":       {func(t *Trust) { t.Keys["0123456789abcdef"] = testKey(5).Public("") }, "not its id"},
		"short key":      {func(t *Trust) { t.Keys["0123456789abcdef"] = PublicKey{Ed25519: make([]byte, 31)} }, "31 bytes"},
		"unknown key":    {func(t *Trust) { t.Roles.Module.Keys[0] = "0123456789abcdef" }, "does not have"},
		"key twice":      {func(t *Trust) { t.Roles.Module.Keys[0] = t.Roles.Module.Keys[1] }, "twice"},
		"threshold 0":    {func(t *Trust) { t.Roles.Module.Threshold = 0 }, "threshold 0"},
		"threshold 4":    {func(t *Trust) { t.Roles.Module.Threshold = 4 }, "want 1 to 3"},
		"no root":        {func(t *Trust) { t.Roles.Root = Role{Keys: []string{}} }, "role root"},
		"root unreached": {func(t *Trust) { t.Roles.Root.Threshold = 2 }, "role root"},
	} {
		trust := trusting(1)
		c.change(&trust)
		raw, err := trust.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = ReadTrust(raw); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, c.says)
		}
	}
	raw, err := trusting(2).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTrust(raw); err != nil || got.Roles.Module.Threshold != 2 {
		t.Errorf("ReadTrust = %+v, %v", got, err)
	}
	for from, to := range map[string]string{
		`"threshold"`:                     `"threshold": 1, "threshold"`,
		`"root": {`:                       `"admin": {"keys": [], "threshold": 1}, "root": {`,
		`"` + testKey(1).ID() + `": {`:    `"` + testKey(1).ID() + `": {"ed25519": "", "name": ""}, "` + testKey(1).ID() + `": {`,
		`"version": 1`:                    `"version": 1.5`,
		`"name": "key-1"`:                 `"name": "key-1", "colour": "red"`,
		`"name": "key-2"`:                 `"name": 2`,
		`"keys": {`:                       `"Keys": {`,
		`"version": 1,` + "\n  \"keys\":": `"version": 1, "expires": null, "keys":`,
	} {
		text := strings.Replace(string(raw), from, to, 1)
		if text == string(raw) {
			t.Fatalf("the trust file does not hold %s", from)
		}
		_, err := ReadTrust([]byte(text))
		wantRefusal(t, err, Malformed, "trust file")
	}
}

func TestRootAloneNamesWhoFollows(t *testing.T) {
	old := trusting(1)
	next := trusting(1)
	next.Version = 3
	next.Roles.Module.Keys = []string{testKey(2).ID()}
	sign := func(t *testing.T, trust Trust, keys ...Key) []byte {
		raw, err := trust.Sign(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	got, err := old.Succeed(sign(t, next, testKey(0)), noon)
	if err != nil || got.Version != 3 || !slices.Equal(got.Roles.Module.Keys, next.Roles.Module.Keys) {
		t.Fatalf("Succeed = %+v, %v", got, err)
	}
	late := old
	late.Expires = noon.Add(-time.Hour)
	if _, err := late.Succeed(sign(t, next, testKey(0)), noon); err != nil {
		t.Errorf("a trust file that expired cannot be followed: %v", err)
	}
	_, err = Open(signed(t, celsius(), testKey(1)), late, noon)
	wantRefusal(t, err, Expired, "the trust file was valid until")
	_, err = Open(signed(t, celsius(), testKey(1)), got, noon)
	wantRefusal(t, err, WrongRole, "key-1")

	_, err = old.Succeed(sign(t, next, testKey(1)), noon)
	wantRefusal(t, err, WrongRole, "role root")
	_, err = old.Succeed(sign(t, next, testKey(7)), noon)
	wantRefusal(t, err, Unsigned, "nobody")
	_, err = next.Succeed(sign(t, old, testKey(0)), noon)
	wantRefusal(t, err, Rollback, "version 1, the one in use 3")
	_, err = next.Succeed(sign(t, next, testKey(0)), noon)
	wantRefusal(t, err, Rollback, "version 3")
	expired := next
	expired.Expires = noon
	_, err = old.Succeed(sign(t, expired, testKey(0)), noon)
	wantRefusal(t, err, Expired, "valid until")
	payload, _ := celsius().JSON()
	_, err = old.Succeed(sealed(t, ModuleType, string(payload), testKey(0)), noon)
	wantRefusal(t, err, Mismatch, "a trust file")
	broken := next
	broken.Roles.Root.Threshold = 9
	if _, err := broken.Sign(testKey(0)); err == nil {
		t.Error("a trust file that nobody could follow is signed")
	}
	text, _ := broken.Bytes()
	_, err = old.Succeed(sealed(t, TrustType, string(text), testKey(0)), noon)
	wantRefusal(t, err, Malformed, "threshold 9")
}

func TestRootNeedsItsThreshold(t *testing.T) {
	old := trusting(1)
	old.Roles.Root = Role{[]string{testKey(0).ID(), testKey(1).ID()}, 2}
	next := trusting(1)
	next.Version = 2
	raw, err := next.Sign(testKey(0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Succeed(raw, noon)
	wantRefusal(t, err, TooFew, "1 of the keys of the role root signed, 2 must")
	e, err := ParseEnvelope(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Add(testKey(0)); err == nil {
		t.Error("a key signs twice")
	}
	if err := e.Add(testKey(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Succeed(e.Bytes(), noon); err != nil {
		t.Error(err)
	}
	if got := old.Signers(e); len(got) != 2 || !strings.HasPrefix(got[1], "key-1 (") {
		t.Errorf("Signers = %q", got)
	}
}
