package snmp

// A message is what of an SNMP message is looked at before the library reads it.
type message struct {
	version   int64
	community []byte // of v1 and v2c
	flags     byte   // of v3
	engine    string
	user      string
	pdu       byte // the tag of the PDU; 0 in v3, where it may be encrypted
}

// parseMessage reads the head of an SNMP message.
func parseMessage(b []byte) (m message, err error) {
	whole, rest, err := cut(b, tagSequence)
	if err != nil || len(rest) > 0 {
		return m, errBER
	}
	value, whole, err := cut(whole, tagInteger)
	if err != nil {
		return m, err
	}
	if m.version, err = signed(value); err != nil {
		return m, err
	}
	if m.version != version3 {
		if m.community, whole, err = cut(whole, tagOctets); err != nil {
			return m, err
		}
		m.pdu, _, rest, err = cutTLV(whole)
		if err == nil && len(rest) > 0 {
			err = errBER
		}
		return m, err
	}
	head, whole, err := cut(whole, tagSequence)
	if err != nil {
		return m, err
	}
	return m, m.parseV3(head, whole)
}

const version3 = 3

// parseV3 reads the head of v3 and its security parameters (RFC 3412, RFC 3414).
func (m *message) parseV3(head, whole []byte) (err error) {
	var flags, model, engine, user []byte
	for _, want := range []struct {
		tag  byte
		into *[]byte
	}{{tagInteger, nil}, {tagInteger, nil}, {tagOctets, &flags}, {tagInteger, &model}} {
		var value []byte
		if value, head, err = cut(head, want.tag); err != nil {
			return err
		}
		if want.into != nil {
			*want.into = value
		}
	}
	if n, err := signed(model); err != nil || n != 3 || len(flags) != 1 {
		return errBER // there is no other security model
	}
	security, _, err := cut(whole, tagOctets)
	if err != nil {
		return err
	}
	if security, _, err = cut(security, tagSequence); err != nil {
		return err
	}
	for _, want := range []struct {
		tag  byte
		into *[]byte
	}{{tagOctets, &engine}, {tagInteger, nil}, {tagInteger, nil}, {tagOctets, &user}, {tagOctets, nil}, {tagOctets, nil}} {
		var value []byte
		if value, security, err = cut(security, want.tag); err != nil {
			return err
		}
		if want.into != nil {
			*want.into = value
		}
	}
	m.flags, m.engine, m.user = flags[0], string(engine), string(user)
	return nil
}
