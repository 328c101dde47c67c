package opcua

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A session is an activated session on a channel of its own.
type session struct {
	*channel
	client     *client
	auth       *ua.NodeID
	nonce      []byte   // the server's last
	namespaces []string // by their index
	limits     serverLimits
}

// An endpoint is what a server offers.
type endpoint struct {
	url         string
	application string // URI
	certificate []byte
	mode        ua.MessageSecurityMode
	policy      string
	tokens      []userToken
	transport   string
}

// A userToken is how an endpoint lets users say who they are.
type userToken struct {
	id     string
	kind   ua.UserTokenType
	policy string
}

const transport = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"

const policyPrefix = "http://opcfoundation.org/UA/SecurityPolicy#"

// policies that are spoken, the best first.
var policies = []Policy{"Aes256_Sha256_RsaPss", "Aes128_Sha256_RsaOaep", "Basic256Sha256"}

// connect opens a session: it asks the server what it offers, judges its certificate, and only then shows who we are.
func (c *client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.settings.ConnectTimeout, errSlow)
	defer cancel()
	s, err := c.connectWithin(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("connect to %s: no answer within connect_timeout (%s), though the connection stands", c.settings.Peer(), unit.FormatDuration(c.settings.ConnectTimeout))
	}
	return s, err
}

func (c *client) connectWithin(ctx context.Context) (*session, error) {
	target, err := url.Parse(c.settings.Endpoint)
	if err != nil {
		return nil, dodona.Permanent(errors.New("endpoint: not a URL"))
	}
	if c.settings.User != "" { // before the server is troubled
		if _, err := c.settings.Password.Reveal(); err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
	}
	offered, err := c.discover(ctx, address(target))
	if err != nil {
		return nil, fmt.Errorf("ask %s what it offers: %w", target.Host, err)
	}
	chosen, token, err := c.choose(offered)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	s := security{policy: chosen.policy, mode: chosen.mode}
	if s.secured() {
		if s.own, err = own(c.env.Folder, c.env.Now()); err != nil {
			return nil, err
		}
		if s.server, err = c.judge().judge(chosen.certificate, chosen.application); err != nil {
			return nil, err
		}
	}
	where := address(target)
	if told, err := url.Parse(chosen.url); c.settings.Follow && err == nil && told.Host != "" {
		where = address(told)
	}
	channel, err := dial(ctx, where, c.settings.Endpoint, s, int(c.settings.MaxSize), c.env.Now)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", where, graded(err))
	}
	opened := &session{channel: channel, client: c}
	if err := opened.begin(ctx, chosen, token); err != nil {
		opened.leave()
		return nil, fmt.Errorf("open a session at %s: %w", where, graded(err))
	}
	return opened, nil
}

// judge says whom the source believes now.
func (c *client) judge() judge {
	j := judge{folder: c.env.Folder, source: c.env.Source, now: c.env.Now(), host: c.settings.ServerName}
	switch j.host {
	case "":
		if u, err := url.Parse(c.settings.Endpoint); err == nil {
			j.host = u.Hostname()
		}
	case anyHost:
		j.host = ""
	}
	return j
}

const defaultPort = "4840"

func address(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), defaultPort)) }

// discover asks a server for its endpoints, without security, as Part 4, 5.4.4 has it.
func (c *client) discover(ctx context.Context, where string) ([]endpoint, error) {
	channel, err := dial(ctx, where, c.settings.Endpoint, security{policy: ua.SecurityPolicyURINone, mode: ua.MessageSecurityModeNone}, int(c.settings.MaxSize), c.env.Now)
	if err != nil {
		return nil, graded(err)
	}
	defer channel.hangUp()
	in, err := channel.ask(ctx, nil, &ua.GetEndpointsRequest{EndpointURL: c.settings.Endpoint})
	if err != nil {
		return nil, graded(err)
	}
	list := in.endpoints()
	if in.err != nil {
		return nil, fmt.Errorf("read its endpoints: %w", in.err)
	}
	return list, nil
}

func (c *cursor) endpoints() (list []endpoint) {
	for range c.count(40) {
		e := endpoint{url: c.text(), application: c.text()}
		c.text() // product
		c.localizedText()
		c.u32()
		c.text()
		c.text()
		for range c.count(4) {
			c.text()
		}
		e.certificate = bytes.Clone(c.bytes())
		e.mode, e.policy = ua.MessageSecurityMode(c.u32()), c.text()
		for range c.count(20) {
			t := userToken{id: c.text(), kind: ua.UserTokenType(c.u32())}
			c.text()
			c.text()
			t.policy = c.text()
			e.tokens = append(e.tokens, t)
		}
		e.transport = c.text()
		c.u8()
		list = append(list, e)
	}
	return list
}

// choose returns the best endpoint that the settings want, and how we say who we are there.
func (c *client) choose(offered []endpoint) (endpoint, userToken, error) {
	offered = slices.DeleteFunc(slices.Clone(offered), func(e endpoint) bool { return e.transport != "" && e.transport != transport })
	for _, policy := range c.settings.policies() {
		for _, e := range offered {
			if e.mode != c.settings.mode() || e.policy != policyPrefix+string(policy) {
				continue
			}
			for _, t := range e.tokens {
				if t.kind == c.settings.tokenKind() {
					return e, t, nil
				}
			}
		}
	}
	return endpoint{}, userToken{}, fmt.Errorf("the server offers no endpoint with security: %s, policy: %s and %s; it offers %s%s",
		c.settings.Security, c.settings.Policy, tokenNames[c.settings.tokenKind()], offers(offered), c.instead(offered))
}

// instead says what to set where a server has no security at all.
func (c *client) instead(offered []endpoint) string {
	if len(offered) == 0 || c.settings.Security == securityNone || slices.ContainsFunc(offered, func(e endpoint) bool { return e.mode != ua.MessageSecurityModeNone }) {
		return ""
	}
	return "; with security: None whoever is on the way reads and changes what it says"
}

var tokenNames = map[ua.UserTokenType]string{
	ua.UserTokenTypeAnonymous: "anonymous users", ua.UserTokenTypeUserName: "user and password", ua.UserTokenTypeCertificate: "cert and key",
	ua.UserTokenTypeIssuedToken: "issued tokens",
}

// offers lists what a server offers.
func offers(list []endpoint) string {
	var words []string
	for _, e := range list {
		var tokens []string
		for _, t := range e.tokens {
			if name, known := tokenNames[t.kind]; known && !slices.Contains(tokens, name) {
				tokens = append(tokens, name)
			}
		}
		word := modeName(e.mode)
		if policy := plain.Line(strings.TrimPrefix(e.policy, policyPrefix), 40); policy != word {
			word += " " + policy
		}
		word += " (" + strings.Join(tokens, ", ") + ")"
		if !slices.Contains(words, word) && len(words) < 12 {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return "none over opc.tcp"
	}
	return strings.Join(words, "; ")
}

func modeName(m ua.MessageSecurityMode) string {
	switch m {
	case ua.MessageSecurityModeNone:
		return string(securityNone)
	case ua.MessageSecurityModeSign:
		return string(securitySign)
	case ua.MessageSecurityModeSignAndEncrypt:
		return string(securityBoth)
	}
	return "an unknown mode"
}

const sessionTimeout = time.Minute

// begin creates and activates the session.
func (s *session) begin(ctx context.Context, e endpoint, t userToken) error {
	nonce := make([]byte, 32)
	if _, err := rand.Read(nonce); err != nil {
		return fmt.Errorf("make a nonce: %w", err)
	}
	name := "dodona " + s.client.env.Source
	req := &ua.CreateSessionRequest{
		ClientDescription: &ua.ApplicationDescription{ProductURI: ownProduct, ApplicationName: ua.NewLocalizedText("Dodona"), ApplicationType: ua.ApplicationTypeClient},
		EndpointURL:       s.client.settings.Endpoint, SessionName: name, ClientNonce: nonce,
		RequestedSessionTimeout: float64(sessionTimeout / time.Millisecond), MaxResponseMessageSize: uint32(s.client.settings.MaxSize),
	}
	if s.security.secured() {
		req.ClientCertificate, req.ClientDescription.ApplicationURI = s.security.own.der, s.security.own.uri
	}
	in, err := s.channel.ask(ctx, nil, req)
	if err != nil {
		return err
	}
	in.node() // the session's own id
	auth := in.node()
	in.f64() // its time-out
	s.nonce = bytes.Clone(in.bytes())
	certificate := bytes.Clone(in.bytes())
	in.endpoints()
	for range in.count(8) { // software certificates, of which there are none any more
		in.bytes()
		in.bytes()
	}
	in.text()
	signature := in.bytes()
	if in.err != nil {
		return fmt.Errorf("read the session: %w", in.err)
	}
	if err := s.proven(certificate, nonce, signature); err != nil {
		return err
	}
	s.auth = auth
	if err := s.activate(ctx, e, t, certificate); err != nil {
		return err
	}
	return s.learn(ctx)
}

// proven returns an error unless the server proved that it has the key of the certificate that was judged.
func (s *session) proven(certificate, nonce, signature []byte) error {
	if !s.security.secured() {
		return nil
	}
	if !bytes.HasPrefix(certificate, s.security.server.leaf.Raw) {
		return errors.New("the session shows another certificate than the endpoint did: somebody may be in between")
	}
	algo, err := s.asymmetric()
	if err != nil {
		return err
	}
	if err := algo.VerifySignature(slices.Concat(s.security.own.der, nonce), signature); err != nil {
		return errForged
	}
	return nil
}

// activate says who we are.
func (s *session) activate(ctx context.Context, e endpoint, t userToken, certificate []byte) error {
	if len(certificate) == 0 {
		certificate = e.certificate
	}
	token, proof, err := s.user(e, t, certificate)
	if err != nil {
		return err
	}
	mine := &ua.SignatureData{}
	if s.security.secured() {
		algo, err := s.asymmetric()
		if err != nil {
			return err
		}
		if mine.Signature, err = algo.Signature(slices.Concat(certificate, s.nonce)); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		mine.Algorithm = algo.SignatureURI()
	}
	in, err := s.channel.ask(ctx, s.auth, &ua.ActivateSessionRequest{
		ClientSignature: mine, UserIdentityToken: ua.NewExtensionObject(token), UserTokenSignature: proof,
	})
	if err != nil {
		return err
	}
	s.nonce = bytes.Clone(in.bytes())
	return in.err
}

// user returns the token that says who we are, and the proof of it.
func (s *session) user(e endpoint, t userToken, certificate []byte) (token any, proof *ua.SignatureData, err error) {
	proof = &ua.SignatureData{}
	policy := cmp.Or(t.policy, e.policy)
	switch t.kind {
	case ua.UserTokenTypeUserName:
		password, err := s.client.settings.Password.Reveal()
		if err != nil {
			return nil, nil, fmt.Errorf("password: %w", err)
		}
		out := &ua.UserNameIdentityToken{PolicyID: t.id, UserName: s.client.settings.User, Password: []byte(password)}
		if policy == ua.SecurityPolicyURINone {
			return out, proof, nil
		}
		algo, err := s.toServer(policy, nil, certificate)
		if err != nil {
			return nil, nil, err
		}
		secret := binary.LittleEndian.AppendUint32(nil, uint32(len(password)+len(s.nonce)))
		out.Password, err = algo.Encrypt(slices.Concat(secret, []byte(password), s.nonce))
		out.EncryptionAlgorithm = algo.EncryptionURI()
		return out, proof, err
	case ua.UserTokenTypeCertificate:
		who, err := readIdentity(s.client.settings.Cert, cmp.Or(s.client.settings.Key, s.client.settings.Cert))
		if err != nil {
			return nil, nil, err
		}
		algo, err := s.toServer(policy, who, certificate)
		if err != nil {
			return nil, nil, err
		}
		proof.Algorithm = algo.SignatureURI()
		proof.Signature, err = algo.Signature(slices.Concat(certificate, s.nonce))
		return &ua.X509IdentityToken{PolicyID: t.id, CertificateData: who.der}, proof, err
	}
	return &ua.AnonymousIdentityToken{PolicyID: t.id}, proof, nil
}

// toServer returns what hides a text from all but the server, and signs it as who.
func (s *session) toServer(policy string, who *identity, certificate []byte) (*uapolicy.EncryptionAlgorithm, error) {
	if !slices.Contains(policies, Policy(strings.TrimPrefix(policy, policyPrefix))) {
		return nil, dodona.Permanent(fmt.Errorf("the server wants users to say who they are under the security policy %s, which Dodona does not speak", plain.Quote(policy, 100)))
	}
	server := s.security.server
	if server == nil { // without security nobody knows whose it is; check asks for password_unprotected
		chain, err := parseChain(certificate)
		if err != nil {
			return nil, err
		}
		server = chain
	}
	if who == nil {
		return uapolicy.Asymmetric(policy, nil, server.key)
	}
	return uapolicy.Asymmetric(policy, who.key, server.key)
}

// leave ends the session so that the server need not keep it until its time-out, and does not wait long for a server that hangs: what
// is sent reaches it when it goes on.
func (s *session) leave() {
	stop := time.AfterFunc(3*farewell/2, func() { _ = s.conn.Close() }) // it may not even take what is sent
	defer stop.Stop()
	if s.auth != nil {
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		_, _ = s.channel.ask(ctx, s.auth, &ua.CloseSessionRequest{DeleteSubscriptions: true})
		cancel()
	}
	s.channel.hangUp()
}

const farewell = time.Second

// hangUp closes the channel as the protocol wants it.
func (c *channel) hangUp() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	_, _, _ = c.send(ctx, nil, &ua.CloseSecureChannelRequest{})
	cancel()
	c.end()
}

// call makes a request in the session, within the time-out of requests.
func (s *session) call(ctx context.Context, req request) (*cursor, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.client.settings.Timeout, errSlow)
	defer cancel()
	if err := s.upkeep(ctx); err != nil {
		return nil, err
	}
	in, err := s.channel.ask(ctx, s.auth, req)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		return nil, fmt.Errorf("no answer within timeout (%s)", unit.FormatDuration(s.client.settings.Timeout))
	}
	return in, err
}

// Fault (exchange): a server does not answer in time, or byte by byte.
var errSlow = errors.New("no answer within timeout")

// upkeep renews the keys of the channel when that is due, and ends it when the server's certificate is not valid any more.
func (s *session) upkeep(ctx context.Context) error {
	if s.security.server != nil {
		j := s.client.judge()
		if err := j.inTime(s.security.server.leaf); err != nil {
			return dodona.Permanent(fmt.Errorf("the server's certificate %s: %w", thumbprint(s.security.server.leaf), err))
		}
	}
	if !s.due() {
		return nil
	}
	if err := s.open(ctx, ua.SecurityTokenRequestTypeRenew); err != nil {
		return fmt.Errorf("renew the keys of the secure channel: %w", err)
	}
	return nil
}
