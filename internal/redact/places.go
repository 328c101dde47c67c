package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Place is where in a text something stands that looks like a secret.
type Place struct {
	From, To int
	What     string // it looks like, as [Taken] counts it
}

const settings = `password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|mnemonic`

var (
	pemPattern     = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)`)
	settingPattern = regexp.MustCompile(`(?i)(?:signature|` + settings + `)["']?\s*=\s*["']?([^\s"'&,;]{2,})`)
	// memberPattern matches a member of a document in a text. Without quotes, words such as "token: not read" would be members; signatures are for all.
	memberPattern = regexp.MustCompile(`(?i)(?:` + settings + `)\\*["']\s*:\s*\\*["']([^"'\\]{2,})`)
	headerPattern = regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([^\s"'&,;]{2,})`)
	// wordPattern matches tokens that say whose they are.
	wordPattern = regexp.MustCompile(`((?:gh[opsur]_|github_pat_|glpat-|glptt-|xox[a-z]-|xapp-|whsec_|dckr_pat_|shpat_|lin_api_|pypi-|eyJ[A-Za-z0-9_-]+\.)[A-Za-z0-9_.~-]{6,}` +
		`|\b(?:sk|pk|rk|hf|npm)[_-][A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]{5,}|\b(?:AKIA|ASIA|AIza|ya29\.)[A-Za-z0-9_-]{12,})`)

	urlPattern = regexp.MustCompile(`(?:[a-zA-Z][a-zA-Z0-9+.-]+:(?:\\?[/\\])+|\bhttps?//)[^\s"'<>` + "`" + `]+`)
	// hostPattern matches a URL without a scheme: a host that has a dot or a port, and what follows it.
	hostPattern = regexp.MustCompile(`(?:^|[\s"'({\[=,])((?:(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}(?::\d+)?|(?:\d+\.){3}\d+(?::\d+)?|[A-Za-z0-9_-]+:\d+)[/?#][^\s"'<>` + "`" + `]+)`)
	listPattern = regexp.MustCompile(`,[a-zA-Z][a-zA-Z0-9+.-]*:/`)
)

// patterns match what looks like a secret wherever it stands; the first group of each is the secret.
var patterns = []struct {
	pattern *regexp.Regexp
	what    string
}{{settingPattern, Setting}, {memberPattern, Setting}, {headerPattern, Header}, {wordPattern, Word}}

// ends may follow a URL in a text, and is none of it.
const ends = ".,:;!)]}"

// Places returns where in a text something stands that looks like a secret, in their order; none is in another.
func Places(text string) []Place {
	var list []Place
	add := func(from, to int, what string) {
		if from < to && text[from:to] != secret.Mask {
			list = append(list, Place{from, to, what})
		}
	}
	for _, m := range pemPattern.FindAllStringIndex(text, -1) {
		add(m[0], m[1], Key)
	}
	for _, m := range urlPattern.FindAllStringIndex(text, -1) {
		u := address{text, add}
		u.list(m[0], m[1])
	}
	for _, m := range hostPattern.FindAllStringSubmatchIndex(text, -1) {
		u := address{text, add}
		u.one(m[2], m[3])
	}
	for _, of := range patterns {
		for _, m := range of.pattern.FindAllStringSubmatchIndex(text, -1) {
			add(m[2], m[3], of.what)
		}
	}
	slices.SortStableFunc(list, func(a, b Place) int { return cmp.Or(a.From-b.From, b.To-a.To) })
	return joined(list)
}

// joined makes one of places that overlap.
func joined(list []Place) (out []Place) {
	for _, p := range list {
		if n := len(out); n > 0 && p.From < out[n-1].To {
			out[n-1].To = max(out[n-1].To, p.To)
			continue
		}
		out = append(out, p)
	}
	return out
}

// An address is a text in which what only who made a URL should know is told: its user, the values of its query, its fragment, and the parts of
// its path that look like tokens.
type address struct {
	text string
	add  func(from, to int, what string)
}

// list looks at URLs that a comma sets apart.
func (a address) list(from, to int) {
	for {
		scheme := strings.IndexAny(a.text[from:to], `/\`) + from // there is one: what is looked at has a scheme
		next := listPattern.FindStringIndex(a.text[scheme:to])
		if next == nil || strings.ContainsAny(a.text[scheme:scheme+next[0]], "?#") {
			a.one(scheme, to)
			return
		}
		a.one(scheme, scheme+next[0])
		from = scheme + next[0] + 1
	}
}

// one looks at a URL from where its scheme ends.
func (a address) one(from, to int) {
	from += len(a.text[from:to]) - len(strings.TrimLeft(a.text[from:to], `/\`))
	to = from + len(strings.TrimRight(a.text[from:to], ends))
	end := to
	if i := strings.IndexAny(a.text[from:to], "?#"); i >= 0 {
		end = from + i
	}
	if at := strings.LastIndexByte(a.text[from:end], '@'); at >= 0 { // also behind a slash, which stands in passwords that nobody escaped
		a.add(from, from+at, User)
		from += at + 1
	}
	a.path(from, end)
	a.query(end, to)
}

// path looks at a host and the parts of a path behind it.
func (a address) path(from, to int) {
	after, hook := false, false // words behind which a secret stands, or nothing else
	for first := true; from <= to; first = false {
		part, sign := a.text[from:to], 1
		if at := slash.FindStringIndex(part); at != nil {
			part, sign = part[:at[0]], at[1]-at[0]
		}
		switch {
		case first && (strings.HasSuffix(part, cutOff) && part != cutOff || loginPattern.MatchString(part)),
			!first && !isAccount(part) && (after || hook || isToken(part)):
			a.add(from, from+len(part), Path)
		}
		if part != "" { // two of what sets parts apart are one
			after = !first && keyPattern.MatchString(part)
			hook = hook || !first && hookPattern.MatchString(part)
		}
		from += len(part) + sign
	}
}

// query looks at a query and a fragment, which begin with their signs.
func (a address) query(from, to int) {
	end := to
	if i := strings.IndexByte(a.text[from:to], '#'); i >= 0 {
		end = from + i
		a.add(end+1, to, Part)
	}
	for from++; from < end; {
		pair, sign := a.text[from:end], 1
		if at := separator.FindStringIndex(pair); at != nil {
			pair, sign = pair[:at[0]], at[1]-at[0]
		}
		name, value, named := strings.Cut(pair, "=")
		if named && namePattern.MatchString(name) && !Token(name) {
			a.add(from+len(name)+1, from+len(name)+1+len(value), Query)
		} else {
			a.add(from, from+len(pair), Query)
		}
		from += len(pair) + sign
	}
}

const cutOff = "…" // stands where a text was cut: of what stands before it only the beginning is known

var (
	slash        = regexp.MustCompile(`[/\\]|%2[fF]|%5[cC]`) // also as JSON, and as those write it who mistake it
	separator    = regexp.MustCompile(`&(?:amp;)?|\\u0026`)
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,40}$`)
	loginPattern = regexp.MustCompile(`^[^\[:]*:[^:]*[^:0-9•]`) // a user and a password that no @ follows, as where a text was cut
	keyPattern   = regexp.MustCompile(`(?i)^(?:[a-z]*[_-]?(?:token|key|secret|passw(?:or)?d|signature|credential)s?|auth|sig|bot)$`)
	hookPattern  = regexp.MustCompile(`(?i)^(?:web)?hooks?$`)
	botPattern   = regexp.MustCompile(`^bot[^/]*[0-9_-][^/]*$`)
	uuidPattern  = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-`)
	pairPattern  = regexp.MustCompile(`(?i)(?:token|key|secret|passw(?:or)?d|signature|sig|auth)=.`)
	chainPattern = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
)

// isAccount reports whether a part of a path is the address of an account, which everybody may read.
func isAccount(part string) bool { return chainPattern.MatchString(part) }

// isToken reports whether a part of a path looks like a token. It takes more for one than [Token] does, which is also asked about names.
func isToken(part string) bool {
	return Token(part) || isScrambled(part) || botPattern.MatchString(part) || pairPattern.MatchString(part) || strings.HasSuffix(part, cutOff)
}

// isScrambled reports whether letters and digits, or upper and lower case, follow each other as in nothing that somebody named.
func isScrambled(part string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(part, isJoint), func(piece string) bool {
		digits, capitals, turns := false, 0, 0
		for i := range len(piece) {
			digits = digits || isDigit(piece[i])
			if i == 0 {
				continue
			}
			if isDigit(piece[i]) != isDigit(piece[i-1]) {
				turns++
			}
			if isLower(piece[i-1]) && isUpper(piece[i]) {
				capitals++
			}
		}
		return len(piece) >= 8 && digits && (turns >= 3 || capitals >= 2)
	})
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isJoint(r rune) bool { return strings.ContainsRune("-_.", r) }

// Token reports whether a word looks like one that nobody chose to be read: a part of a path that is a key, say. Addresses and digests are
// told by their beginning, 0x, and are none.
func Token(word string) bool {
	if digits, isHex := strings.CutPrefix(word, "0x"); isHex && isDigits(digits) {
		return len(digits) > 64
	}
	if uuidPattern.MatchString(word) || strings.ContainsAny(word, ":@%=") && len(word) >= 12 {
		return true
	}
	letters, digits := strings.ContainsFunc(word, isLetter), strings.ContainsAny(word, "0123456789")
	if len(word) >= 16 && letters && digits {
		return true
	}
	return slices.ContainsFunc(strings.FieldsFunc(word, isJoint), func(piece string) bool { return len(piece) >= 20 })
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
