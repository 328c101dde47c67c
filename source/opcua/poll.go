package opcua

import (
	"context"
	"errors"
	"fmt"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// serverLimits are how many things a server takes in one request.
type serverLimits struct{ read, monitor, browse int }

// usual is what servers take that do not say.
const usual = 500

// learn asks a server for its namespaces and limits. Servers without limits have no such nodes.
func (s *session) learn(ctx context.Context) error {
	wanted := []*ua.NodeID{
		ua.NewNumericNodeID(0, id.Server_NamespaceArray),
		ua.NewNumericNodeID(0, id.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
		ua.NewNumericNodeID(0, id.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
		ua.NewNumericNodeID(0, id.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse),
	}
	values, err := s.readEach(ctx, wanted, 1)
	if err != nil {
		return fmt.Errorf("read its namespaces: %w", err)
	}
	s.namespaces, s.limits = nil, serverLimits{limitOf(values[1]), limitOf(values[2]), limitOf(values[3])}
	v, err := parseValue(values[0])
	if err != nil || v.kind() != ua.TypeIDString || v.mask&ua.VariantArrayValues == 0 {
		return nil // whoever names a namespace by its URI is told that there is none
	}
	c := &cursor{rest: v.variant}
	for range c.count(4) {
		s.namespaces = append(s.namespaces, c.text())
	}
	return nil
}

func limitOf(body []byte) int {
	v, err := parseValue(body)
	if err != nil || v.kind() != ua.TypeIDUint32 || v.mask&ua.VariantArrayValues != 0 || qualityOf(v.status) == dodona.Bad {
		return usual
	}
	if n := (&cursor{rest: v.variant}).u32(); n > 0 && n < usual {
		return int(n)
	}
	return usual
}

// readEach reads the values of nodes, at most most of them in a request; fewer where the server says that they are too many.
func (s *session) readEach(ctx context.Context, nodes []*ua.NodeID, most int) (values [][]byte, err error) {
	for len(nodes) > 0 {
		part := nodes[:min(len(nodes), max(most, 1))]
		got, err := s.read(ctx, part)
		if tooMany(err) && len(part) > 1 {
			most = len(part) / 2
			s.limits.read = most
			continue
		}
		if err != nil {
			return nil, err
		}
		values, nodes = append(values, got...), nodes[len(part):]
	}
	return values, nil
}

// tooMany reports whether a request was refused for its size, or that of its response.
func tooMany(err error) bool {
	var status statusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.code & 0xffff0000 {
	case ua.StatusBadTooManyOperations, ua.StatusBadResponseTooLarge, ua.StatusBadRequestTooLarge, ua.StatusBadEncodingLimitsExceeded, ua.StatusBadTCPMessageTooLarge:
		return true
	}
	return false
}

// read reads the values of nodes in one request.
func (s *session) read(ctx context.Context, nodes []*ua.NodeID) ([][]byte, error) {
	req := &ua.ReadRequest{TimestampsToReturn: ua.TimestampsToReturnBoth}
	for _, n := range nodes {
		req.NodesToRead = append(req.NodesToRead, &ua.ReadValueID{NodeID: n, AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}})
	}
	in, err := s.call(ctx, req)
	if err != nil {
		return nil, err
	}
	count := in.count(1)
	if in.err == nil && count != len(nodes) {
		return nil, fmt.Errorf("it was asked for %s and answered with %d", unit.Count(len(nodes), "value"), count)
	}
	values := make([][]byte, 0, count)
	for range count {
		values = append(values, in.dataValue())
	}
	if in.err != nil {
		return nil, fmt.Errorf("read its values: %w", in.err)
	}
	return values, nil
}

// poll reads all nodes once.
func (c *client) poll(ctx context.Context) (b dodona.Batch, err error) {
	s, fresh, err := c.ready(ctx)
	if err != nil {
		return b, err
	}
	if fresh {
		if err := c.resolve(ctx, s); err != nil {
			return b, err
		}
	} else if _, err := c.again(ctx, s); err != nil {
		return b, err
	}
	b.Readings, err = c.readAll(ctx, s, c.items)
	return b, err
}

// readAll reads items.
func (c *client) readAll(ctx context.Context, s *session, items []*item) (readings []dodona.Reading, err error) {
	var nodes []*ua.NodeID
	for _, i := range items {
		if i.node != nil {
			nodes = append(nodes, i.node)
		}
	}
	values, err := s.readEach(ctx, nodes, s.limits.read)
	if err != nil {
		return nil, err
	}
	now, at := c.env.Now(), 0
	for _, i := range items {
		body := refused(i.lacking)
		if i.node != nil {
			body = values[at]
			at++
		}
		readings = append(readings, c.reading(i, body, "read", now))
	}
	return readings, nil
}
