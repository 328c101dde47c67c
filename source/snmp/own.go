package snmp

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
)

// engineOf returns an engine id of its hexadecimal text.
func engineOf(text string) (string, error) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "0x"), ":", "")
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 5 || len(b) > 32 {
		return "", errors.New("want 5 to 32 bytes in hexadecimal, such as 80001f888001020304")
	}
	return string(b), nil
}

// prefixOf returns a network; of an address, the network that is it alone.
func prefixOf(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
