package opcua

import (
	"context"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// scan browses a server from Objects on, level by level, and tells its variables. Those of OPC UA itself are left out, unless they are asked for.
func scan(ctx context.Context, s Settings, within source.Range, env source.Env, found func(source.Found) error) (more bool, err error) {
	s.Nodes = nil
	c := &client{settings: s, env: env}
	server, err := c.connect(ctx)
	if err != nil {
		return false, err
	}
	defer server.leave()
	level := []variable{{node: ua.NewNumericNodeID(0, id.ObjectsFolder)}}
	for depth, told := 0, 0; len(level) > 0 && depth < s.Depth; depth++ {
		below, capped, err := server.children(ctx, level, maxLevel)
		if err != nil {
			return false, err
		}
		more, level = more || capped, nil
		var here []variable
		for _, v := range below {
			if !isWanted(v.path, within.Of) {
				continue
			}
			if level = append(level, v); v.is && strings.HasPrefix(v.path, within.Of) && (within.Of != "" || v.node.Namespace() != 0) {
				here = append(here, v)
			}
		}
		if told+len(here) > within.Most {
			here, more = here[:within.Most-told], true
		}
		told += len(here)
		if err := server.tell(ctx, here, found); err != nil {
			return false, err
		}
		if told == within.Most && len(level) > 0 {
			return true, nil
		}
	}
	return more || len(level) > 0, nil
}

// maxLevel is how many nodes of one level are looked at.
const maxLevel = 10_000

// isWanted reports whether a node, or one below it, may be in the part of the server that is meant.
func isWanted(path, of string) bool {
	if of == "" {
		return path != "Server" && !strings.HasPrefix(path, "Server/")
	}
	return strings.HasPrefix(path, of) || strings.HasPrefix(of, path)
}

// tell reads variables once, and tells what they are.
func (s *session) tell(ctx context.Context, list []variable, found func(source.Found) error) error {
	nodes := make([]*ua.NodeID, len(list))
	for i, v := range list {
		nodes[i] = v.node
	}
	values, err := s.readEach(ctx, nodes, s.limits.read)
	if err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	for i, v := range list {
		f := source.Found{Name: v.path}
		f.Point, f.Note, f.Idle = described(v.node.String(), values[i])
		if err := found(f); err != nil {
			return err
		}
	}
	return nil
}

// described returns how a node is read, which has a value now, and what it is; of an array its first element. Idle says that it is no number as it stands.
func described(node string, body []byte) (n Node, note string, idle bool) {
	v, err := parseValue(body)
	n = Node{ID: node}
	p := n.point("", dodona.Reading{Body: body})
	if err == nil && p.Quality == dodona.Bad && v.mask&ua.VariantArrayValues != 0 {
		for dimensions := 1; dimensions <= mostDimensions; dimensions++ {
			first := Node{ID: node, Index: strings.TrimSuffix(strings.Repeat("0,", dimensions), ",")}
			if of := first.point("", dodona.Reading{Body: body}); of.Quality != dodona.Bad {
				return first, "the first of an array: " + of.Value.String(), false
			}
		}
	}
	switch {
	case p.Quality == dodona.Good:
		return n, p.Value.String(), false
	case p.Quality == dodona.Bad && err == nil:
		code := v.status & 0xffff0000
		idle = qualityOf(v.status) != dodona.Bad || code == ua.StatusBadNotReadable || code == ua.StatusBadUserAccessDenied
	}
	return n, p.Reason, idle
}
