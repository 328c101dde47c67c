package source

import (
	"time"
)

// A Certificate is what people compare before they trust one.
type Certificate struct {
	Thumbprint string    `json:"thumbprint"` // SHA-1 in hex, as OPC UA names certificates
	Subject    string    `json:"subject"`
	URI        string    `json:"uri"`
	Hosts      string    `json:"hosts"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
}

// trusting is how a kind keeps whom it trusts, in the folder that its sources get as Env.Folder.
type trusting struct {
	shown  func(folder, source string) ([]Certificate, error)
	accept func(folder, source, thumbprint string) (Certificate, error)
	own    func(folder string, now time.Time) (Certificate, error)
}

// Trusting returns k as a kind that believes a peer's certificate only once a person has accepted it. Shown returns those that a source's peer
// showed and nobody accepted; accept accepts one of them; own returns the certificate that the kind shows itself.
func Trusting(k Kind, shown func(folder, source string) ([]Certificate, error), accept func(folder, source, thumbprint string) (Certificate, error),
	own func(folder string, now time.Time) (Certificate, error),
) Kind {
	k.trusting = &trusting{shown, accept, own}
	return k
}

// Trusts reports whether people accept certificates for sources of k: see [Trusting].
func (k Kind) Trusts() bool { return k.trusting != nil }

// Shown returns the certificates that a source's peer showed and nobody accepted.
func (k Kind) Shown(folder, source string) ([]Certificate, error) {
	return k.trusting.shown(folder, source)
}

// Accept accepts a certificate that a source's peer showed.
func (k Kind) Accept(folder, source, thumbprint string) (Certificate, error) {
	return k.trusting.accept(folder, source, thumbprint)
}

// Own returns the certificate that sources of k show.
func (k Kind) Own(folder string, now time.Time) (Certificate, error) {
	return k.trusting.own(folder, now)
}
