package sign

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	geth "github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// The vectors of the Web3 Secret Storage definition: one key, one password, both functions.
const (
	vectorPassword = "testpassword"
	vectorKey      = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
	vectorScrypt   = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
		"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt",
		"kdfparams":{"dklen":32,"n":262144,"p":8,"r":1,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
		"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
	vectorPBKDF2 = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
		"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
		"kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
		"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
)

func writeFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeystoreReadsTheVectorsOfTheDefinition(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	t.Parallel()
	want, err := ParseKey(vectorKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"scrypt": vectorScrypt, "pbkdf2": vectorPBKDF2} {
		path := writeFile(t, content, 0o600)
		got, err := ReadKeystore(path, vectorPassword)
		if err != nil || got.Address() != want.Address() {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
		if name == "scrypt" { // takes seconds under the race detector; the password is judged after either function
			continue
		}
		if _, err := ReadKeystore(path, "Testpassword"); !errors.Is(err, ErrPassword) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s with a wrong password: got %v, want ErrPassword with the path", name, err)
		}
	}
}

func TestKeystoreAgreesWithGoEthereum(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	t.Parallel()
	key := newTestKey(t)
	path := filepath.Join(t.TempDir(), "new", "folder", "node.json")
	password := "pass wörd"
	if err := WriteKeystore(path, key, password); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := geth.DecryptKey(raw, password)
	if err != nil || dodona.Address(theirs.Address) != key.Address() || !bytes.Equal(crypto.FromECDSA(theirs.PrivateKey), key.secret.Bytes()) {
		t.Fatalf("go-ethereum reads %v, %v, want %v", theirs, err, key)
	}
	for name, cost := range map[string][2]int{"light": {geth.LightScryptN, geth.LightScryptP}, "standard": {geth.StandardScryptN, geth.StandardScryptP}} {
		raw, err := geth.EncryptKey(theirs, password, cost[0], cost[1])
		if err != nil {
			t.Fatal(err)
		}
		back, err := ReadKeystore(writeFile(t, string(raw), 0o600), password)
		if err != nil || !bytes.Equal(back.secret.Bytes(), key.secret.Bytes()) {
			t.Errorf("%s of go-ethereum: got %v, %v", name, back, err)
		}
	}
}

func TestKeystoreIsPrivateWholeAndWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys", "node.json")
	keys := []*Key{newTestKey(t), newTestKey(t), newTestKey(t), newTestKey(t)}
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, k := range keys {
		wg.Go(func() { errs[i] = WriteKeystore(path, k, "p") })
	}
	wg.Wait()
	wins := 0
	for i, err := range errs {
		if err == nil {
			wins++
			if got, err := ReadKeystore(path, "p"); err != nil || got.Address() != keys[i].Address() {
				t.Errorf("got %v, %v, want the key of %s, whose write succeeded", got, err, keys[i].Address())
			}
			continue
		}
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
	}
	if wins != 1 {
		t.Errorf("%d of %d writes to one path succeeded, want 1", wins, len(keys))
	}
	if err := WriteKeystore(path, keys[0], "p"); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("over a file: got %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v, want one file", left, err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: got mode %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := WriteKeystore(filepath.Join(dir, "link"), keys[0], "p"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a dangling link: got %v, want fs.ErrExist", err)
	}
}

func TestKeystoreMustBeTheOwnersAlone(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o660, 0o604, 0o620, 0o601} {
		path := writeFile(t, vectorPBKDF2, 0o600)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadKeystore(path, vectorPassword)
		if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %04o: got %v, want ErrMode and what to run", mode, err)
		}
	}
	if _, err := ReadKeystore(writeFile(t, vectorPBKDF2, 0o400), vectorPassword); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
	if _, err := ReadKeystore(filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want fs.ErrNotExist", err)
	}
	if _, err := ReadKeystore(t.TempDir(), ""); err == nil {
		t.Error("a folder was read")
	}
}

// TestHostileKeystoresCostNothing: what a file asks for is judged before memory or time is spent.
func TestHostileKeystoresCostNothing(t *testing.T) {
	swap := func(base, old, replacement string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("%q is not in the vector", old)
		}
		return strings.Replace(base, old, replacement, 1)
	}
	for name, content := range map[string]string{
		"empty":                      "",
		"no JSON":                    "{",
		"null":                       "null",
		"an array":                   "[]",
		"no object inside":           `{"version":3}`,
		"10 GiB":                     swap(vectorScrypt, `"n":262144,"p":8,"r":1`, `"n":8388608,"p":1,"r":10`),
		"more than 256 MiB":          swap(vectorScrypt, `"n":262144,"p":8,"r":1`, `"n":524288,"p":1,"r":8`),
		"hours":                      swap(vectorScrypt, `"p":8`, `"p":100000`),
		"more than four times geth":  swap(vectorScrypt, `"p":8`, `"p":32`),
		"n is no power of two":       swap(vectorScrypt, `262144`, `262143`),
		"n = 1":                      swap(vectorScrypt, `262144`, `1`),
		"n = 0":                      swap(vectorScrypt, `262144`, `0`),
		"n negative":                 swap(vectorScrypt, `262144`, `-262144`),
		"n·r overflows":              swap(vectorScrypt, `"n":262144,"p":8,"r":1`, `"n":4611686018427387904,"p":1,"r":8`),
		"n is a fraction":            swap(vectorScrypt, `262144`, `262144.5`),
		"r = 0":                      swap(vectorScrypt, `"r":1`, `"r":0`),
		"p negative":                 swap(vectorScrypt, `"p":8`, `"p":-8`),
		"dklen of 4 GiB":             swap(vectorScrypt, `"dklen":32`, `"dklen":4294967296`),
		"dklen 16":                   swap(vectorScrypt, `"dklen":32`, `"dklen":16`),
		"pbkdf2 for ever":            swap(vectorPBKDF2, `262144`, `2000000000`),
		"pbkdf2 not at all":          swap(vectorPBKDF2, `262144`, `0`),
		"another prf":                swap(vectorPBKDF2, `hmac-sha256`, `hmac-md5`),
		"another kdf":                swap(vectorScrypt, `"kdf":"scrypt"`, `"kdf":"argon2id"`),
		"another cipher":             swap(vectorScrypt, `aes-128-ctr`, `aes-128-cbc`),
		"version 1":                  swap(vectorScrypt, `"version":3`, `"version":1`),
		"version in quotes":          swap(vectorScrypt, `"version":3`, `"version":"3"`),
		"short iv":                   swap(vectorScrypt, `83dbcc02d8ccb40e466191a123791e0e`, `83dbcc02`),
		"no hex":                     swap(vectorScrypt, `83dbcc02d8ccb40e466191a123791e0e`, `zz`),
		"short text":                 swap(vectorScrypt, `d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c`, `d172`),
		"long text":                  swap(vectorScrypt, `d172bf743a`, strings.Repeat("00", 1000)),
		"no mac":                     swap(vectorScrypt, `2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097`, ``),
		"a long salt":                swap(vectorScrypt, `ab0c7876`, strings.Repeat("ab", 2000)),
		"more than 64 KiB":           vectorScrypt + strings.Repeat(" ", 64<<10),
		"another address":            swap(vectorPBKDF2, `{"crypto"`, `{"address":"0000000000000000000000000000000000000001","crypto"`),
		"something behind the value": vectorPBKDF2 + "{}",
	} {
		_, err := ReadKeystore(writeFile(t, content, 0o600), vectorPassword)
		if err == nil || errors.Is(err, ErrPassword) {
			t.Errorf("%s: got %v, want an error that is not about the password", name, err)
		}
	}
}

// TestTheCostOfAKeystoreIsBounded at each bound: the last that is allowed, and the first that is not.
func TestTheCostOfAKeystoreIsBounded(t *testing.T) {
	scrypt := func(n, r, p int) kdfParams { return kdfParams{DKLen: 32, N: n, R: r, P: p} }
	pbkdf2 := func(c int) kdfParams { return kdfParams{DKLen: 32, C: c, PRF: "hmac-sha256"} }
	salted := func(p kdfParams, bytes int) kdfParams {
		p.Salt = make([]byte, bytes)
		return p
	}
	long := func(p kdfParams, bytes int) kdfParams {
		p.DKLen = bytes
		return p
	}
	for _, c := range []struct {
		kdf  string
		p    kdfParams
		want bool
	}{
		{"scrypt", scrypt(2, 1, 1), true},
		{"scrypt", scrypt(1, 1, 1), false},
		{"scrypt", scrypt(3, 1, 1), false},
		{"scrypt", scrypt(math.MinInt, 1, 1), false},
		{"scrypt", scrypt(2, 0, 1), false},
		{"scrypt", scrypt(2, 1, 0), false},
		{"scrypt", scrypt(2, 1024, 1), true},
		{"scrypt", scrypt(2, 1025, 1), false},
		{"scrypt", scrypt(2, 1, 1024), true},
		{"scrypt", scrypt(2, 1, 1025), false},
		{"scrypt", scrypt(1<<21, 1, 1), true}, // 256 MiB
		{"scrypt", scrypt(1<<22, 1, 1), false},
		{"scrypt", scrypt(4096, 512, 1), true},  // 256 MiB
		{"scrypt", scrypt(4096, 513, 1), false}, // 256.5 MiB
		{"scrypt", scrypt(1<<18, 1, 16), true},  // 2^22
		{"scrypt", scrypt(1<<18, 1, 17), false},
		{"scrypt", scrypt(1<<18, 8, 2), true}, // 2^22
		{"scrypt", scrypt(1<<18, 8, 3), false},
		{"scrypt", scrypt(4096, 1, 1024), true}, // 2^22
		{"scrypt", scrypt(8192, 1, 512), true},
		{"scrypt", scrypt(8192, 1, 513), false}, // hardly more
		{"pbkdf2", pbkdf2(1), true},
		{"pbkdf2", pbkdf2(0), false},
		{"pbkdf2", pbkdf2(10_000_000), true},
		{"pbkdf2", pbkdf2(10_000_001), false},
		{"pbkdf2", kdfParams{DKLen: 32, C: 1, PRF: "hmac-sha512"}, false},
		{"pbkdf2", salted(pbkdf2(1), 1024), true},
		{"pbkdf2", salted(pbkdf2(1), 1025), false},
		{"pbkdf2", long(pbkdf2(1), 31), false},
		{"pbkdf2", long(pbkdf2(1), 33), false},
		{"argon2id", scrypt(2, 1, 1), false},
	} {
		if err := c.p.check(c.kdf); (err == nil) != c.want {
			t.Errorf("%s n=%d r=%d p=%d c=%d, dklen %d, salt of %d: %v, want it allowed: %t", c.kdf, c.p.N, c.p.R, c.p.P, c.p.C, c.p.DKLen, len(c.p.Salt), err, c.want)
		}
	}
	if err := scrypt(3, 1, 1).check("scrypt"); err == nil || !strings.Contains(err.Error(), "at most 256 MiB and n·r·p at most 4194304") {
		t.Errorf("got %v, want the bounds", err)
	}
}

func TestAKeystoreHas64KiBAtMost(t *testing.T) {
	for size, want := range map[int]bool{0: true, 64 << 10: true, 64<<10 + 1: false, 70 << 10: false} {
		_, err := ReadKeystore(writeFile(t, strings.Repeat("x", size), 0o600), "")
		if err == nil || strings.Contains(err.Error(), "parse keystore") != want {
			t.Errorf("%d bytes: %v, want them to be read: %t", size, err, want)
		}
	}
}

// TestAKeystoreIsWrittenAsPromised: light scrypt, and everything random that there must be, new each time.
func TestAKeystoreIsWrittenAsPromised(t *testing.T) {
	key := newTestKey(t)
	var written [2]keystore
	for i := range written {
		raw, err := sealKeystore(key, "p")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &written[i]); err != nil || !strings.HasPrefix(string(raw), "{\n  \"address\"") || !strings.HasSuffix(string(raw), "}\n") {
			t.Errorf("%s: %v, want indented JSON", raw, err)
		}
	}
	a, b := written[0], written[1]
	p := a.Crypto.KDFParams
	if a.Version != 3 || a.Address != hex20(key.Address()) || a.Crypto.KDF != "scrypt" || p.N != 4096 || p.R != 8 || p.P != 6 || p.DKLen != 32 {
		t.Errorf("%+v", a)
	}
	if len(p.Salt) != 32 || len(a.Crypto.CipherParams.IV) != 16 || len(a.Crypto.CipherText) != 32 || len(a.Crypto.MAC) != 32 {
		t.Errorf("salt %x, iv %x, text of %d bytes, mac of %d", p.Salt, a.Crypto.CipherParams.IV, len(a.Crypto.CipherText), len(a.Crypto.MAC))
	}
	if bytes.Equal(p.Salt, b.Crypto.KDFParams.Salt) || bytes.Equal(a.Crypto.CipherParams.IV, b.Crypto.CipherParams.IV) || a.ID == b.ID {
		t.Errorf("two files share salt, iv or id: %+v, %+v", a, b)
	}
	if id := strings.ReplaceAll(a.ID, "-", ""); len(id) != 32 || strings.Contains(hex.EncodeToString(slices.Concat(p.Salt, a.Crypto.CipherParams.IV)), id[:8]) {
		t.Errorf("id %s repeats salt or iv, or is none", a.ID)
	}
}

func TestUUIDsAreOfVersion4(t *testing.T) {
	for want, b := range map[string][16]byte{
		"00000000-0000-4000-8000-000000000000": {},
		"ffffffff-ffff-4fff-bfff-ffffffffffff": [16]byte(bytes.Repeat([]byte{0xff}, 16)),
		"00010203-0405-4607-8809-0a0b0c0d0e0f": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	} {
		if got := uuidOf(b); got != want {
			t.Errorf("%x: %s, want %s", b, got, want)
		}
	}
}

// TestAConfiguredKeyIsOpenedOrSaysWhichSettingIsWrong, and errors repeat no secret.
func TestAConfiguredKeyIsOpenedOrSaysWhichSettingIsWrong(t *testing.T) {
	want, err := ParseKey(vectorKey)
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, vectorPBKDF2, 0o600)
	t.Setenv("DODONA_TEST_PASSWORD", vectorPassword)
	t.Setenv("DODONA_TEST_KEY", vectorKey)
	t.Setenv("DODONA_TEST_NO_KEY", "7a28b5")
	env := func(name string) secret.String { return secret.String{Env: name} }
	raw := func(content string) string { return writeFile(t, content, 0o600) }
	open := writeFile(t, vectorKey, 0o604)
	for name, c := range map[string]struct {
		key  keyfile.Key
		want string // in the error
	}{
		"hex":                        {keyfile.Key{Hex: env("DODONA_TEST_KEY")}, ""},
		"a keystore":                 {keyfile.Key{File: path, Password: env("DODONA_TEST_PASSWORD")}, ""},
		"a keystore as hex":          {keyfile.Key{Hex: secret.String{File: path}, Password: env("DODONA_TEST_PASSWORD")}, ""},
		"digits":                     {keyfile.Key{File: raw(vectorKey)}, ""},
		"digits and a line break":    {keyfile.Key{File: raw(vectorKey[2:] + "\n")}, ""},
		"digits after a mark":        {keyfile.Key{File: raw("\ufeff" + vectorKey + "\r\n")}, ""},
		"a keystore after a mark":    {keyfile.Key{File: raw("\ufeff" + vectorPBKDF2), Password: env("DODONA_TEST_PASSWORD")}, ""},
		"a password after a mark":    {keyfile.Key{File: path, Password: secret.String{File: raw("\ufeff" + vectorPassword + "\r\n")}}, ""},
		"digits in UTF-16":           {keyfile.Key{File: raw("\xff\xfe7\x00a\x00")}, "node.key.file: "},
		"digits as hex":              {keyfile.Key{Hex: secret.String{File: raw(vectorKey)}}, ""},
		"a password that none needs": {keyfile.Key{File: raw(vectorKey), Password: env("DODONA_TEST_PASSWORD")}, ""},
		"hex that is none":           {keyfile.Key{Hex: env("DODONA_TEST_NO_KEY")}, "node.key: not a private key"},
		"hex that is not there":      {keyfile.Key{Hex: env("DODONA_TEST_UNSET")}, "node.key: read secret"},
		"no password there":          {keyfile.Key{File: path, Password: env("DODONA_TEST_UNSET")}, "node.key.password: read secret"},
		"another password":           {keyfile.Key{File: path, Password: env("DODONA_TEST_KEY")}, "node.key.file: read key " + path + ": the password does not open this keystore"},
		"no password":                {keyfile.Key{File: path}, "node.key.file: " + path + " is an encrypted keystore, and no password is configured to open it; add node.key.password"},
		"no password for hex":        {keyfile.Key{Hex: secret.String{File: path}}, "node.key.hex: " + path + " is an encrypted keystore, and no password is configured"},
		"digits that others read":    {keyfile.Key{File: open}, "node.key.file: read key: " + open + " has mode 0604: others may read or change it; run: chmod 600 " + open},
		"no file":                    {keyfile.Key{File: path + "x"}, "node.key.file: read key: open " + path + "x"},
		"too large a number":         {keyfile.Key{File: raw(strings.Repeat("f", 64))}, "node.key.file: the 64 hex digits in "},
		"half a keystore":            {keyfile.Key{File: raw(vectorPBKDF2[:40]), Password: env("DODONA_TEST_PASSWORD")}, "node.key.file: read key "},
	} {
		got, err := Open("node.key", c.key)
		if c.want == "" && (err != nil || got.Address() != want.Address()) {
			t.Errorf("%s: %v, %v, want the key of %s", name, got, err, want)
		}
		if c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "7a28b5")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if got := fmt.Sprint((*Key)(nil)); got != "no key" {
		t.Errorf("no key prints as %q", got)
	}
}

func TestParseKeyReadsHexAndRepeatsNothing(t *testing.T) {
	want, err := ParseKey(vectorKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{vectorKey[2:], " " + vectorKey + "\n", "0x" + strings.ToUpper(vectorKey[2:])} {
		if k, err := ParseKey(text); err != nil || k.Address() != want.Address() {
			t.Errorf("%q: got %v, %v", text, k, err)
		}
	}
	for _, text := range []string{"", "0x", "0x0x" + vectorKey[4:], vectorKey[:65], vectorKey + "00", vectorKey[:65] + "g", "0x" + strings.Repeat("0", 64), "0x" + strings.Repeat("f", 64)} {
		k, err := ParseKey(text)
		if !errors.Is(err, ErrKey) || (len(text) > 8 && strings.Contains(err.Error(), text[4:8])) {
			t.Errorf("%q: got %v, %v, want ErrKey without the text", text, k, err)
		}
	}
}

func TestKeyNeverPrints(t *testing.T) {
	k, err := ParseKey(vectorKey)
	if err != nil {
		t.Fatal(err)
	}
	signer := New(Options{Key: k})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{k, *k, signer.Options, []*Key{k}, map[string]*Key{"k": k}} {
			got := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(got, vectorKey[2:12]) || strings.Contains(got, "122 40 181") { // 7a 28 b5
				t.Errorf("%s of %T prints the secret: %s", verb, v, got)
			}
		}
	}
	if got, err := json.Marshal(struct{ Key *Key }{k}); err == nil {
		t.Errorf("a key was marshalled: %s", got)
	}
}

func FuzzOpenKeystore(f *testing.F) {
	cheap := strings.NewReplacer("262144", "2")
	for _, s := range []string{cheap.Replace(vectorScrypt), cheap.Replace(vectorPBKDF2), "", "{}", `{"version":3}`} {
		f.Add(s)
	}
	fuzztest.Run(f, func(t *testing.T, raw string) {
		var ks keystore
		if json.Unmarshal([]byte(raw), &ks) == nil && (ks.Crypto.KDFParams.N > 64 || ks.Crypto.KDFParams.P > 64 || ks.Crypto.KDFParams.C > 64) {
			return // allowed, but slow
		}
		ks, err := parseKeystore([]byte(raw))
		if err != nil {
			return
		}
		if k, err := ks.open(vectorPassword); err == nil && hex.EncodeToString(k.secret.Bytes()) == "" {
			t.Fatal("a key without bytes")
		}
	})
}
