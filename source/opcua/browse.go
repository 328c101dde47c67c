package opcua

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A variable is what a path found; or an object on the way to one, which is none.
type variable struct {
	path, pattern string
	node          *ua.NodeID
	is            bool
}

// browse finds the variables that patterns name, level by level from Objects on. What it passes over it says.
func (s *session) browse(ctx context.Context, patterns []string) (list []variable, err error) {
	most := s.client.settings.MaxNodes
	level := []variable{{node: ua.NewNumericNodeID(0, id.ObjectsFolder)}}
	var beyond []string
	for depth := 1; len(level) > 0; depth++ {
		if depth > s.client.settings.Depth {
			beyond = append(beyond, fmt.Sprintf("nothing below depth (%d)", s.client.settings.Depth))
			break
		}
		next, capped, err := s.children(ctx, level, most)
		if err != nil {
			return nil, err
		}
		if capped {
			beyond = append(beyond, fmt.Sprintf("no more than max_nodes (%d) at depth %d", most, depth))
		}
		level = nil
		for _, n := range next {
			wanted, deeper := wants(patterns, n.path)
			if wanted != "" && n.is && !slices.ContainsFunc(list, func(f variable) bool { return f.path == n.path }) {
				n.pattern = wanted
				list = append(list, n)
			}
			if deeper {
				level = append(level, n)
			}
		}
	}
	if len(list) > most {
		// Fault (log): a pattern finds more nodes than max_nodes.
		beyond, list = append(beyond, fmt.Sprintf("no more than max_nodes (%d) of the %d that were found", most, len(list))), list[:most]
	}
	s.tellBrowsed(patterns, list, beyond)
	return list, nil
}

// tellBrowsed says what was passed over, and which paths found nothing.
func (s *session) tellBrowsed(patterns []string, list []variable, beyond []string) {
	c := s.client
	if len(beyond) > 0 {
		c.env.Log.Warn(fmt.Sprintf("%s: browsing looked at %s: raise depth or max_nodes, or name nodes more closely", c.env.Source, strings.Join(beyond, " and ")), "source", c.env.Source)
	}
	for _, p := range patterns {
		if !slices.ContainsFunc(list, func(f variable) bool { return matches(p, f.path) }) {
			// Fault (log): a pattern finds nothing.
			c.env.Log.Warn(fmt.Sprintf("%s: path %s finds no variable", c.env.Source, plain.Quote(p, 100)), "source", c.env.Source)
		}
	}
}

// wants returns the pattern that a path matches, and whether what is below it may match one.
func wants(patterns []string, path string) (wanted string, deeper bool) {
	depth := strings.Count(path, "/") + 1
	for _, p := range patterns {
		parts := strings.Split(p, "/")
		if len(parts) < depth || !matches(strings.Join(parts[:depth], "/"), path) {
			continue
		}
		if len(parts) == depth {
			wanted = p
		} else {
			deeper = true
		}
	}
	return wanted, deeper
}

// children returns what is right below nodes, at most most.
func (s *session) children(ctx context.Context, of []variable, most int) (list []variable, capped bool, err error) {
	for len(of) > 0 {
		part := of[:min(len(of), s.limits.browse)]
		req := &ua.BrowseRequest{View: &ua.ViewDescription{ViewID: ua.NewTwoByteNodeID(0)}, RequestedMaxReferencesPerNode: uint32(most)}
		for _, n := range part {
			req.NodesToBrowse = append(req.NodesToBrowse, &ua.BrowseDescription{
				NodeID: n.node, BrowseDirection: ua.BrowseDirectionForward, ReferenceTypeID: ua.NewNumericNodeID(0, id.HierarchicalReferences),
				IncludeSubtypes: true, NodeClassMask: uint32(ua.NodeClassObject | ua.NodeClassVariable), ResultMask: uint32(ua.BrowseResultMaskBrowseName | ua.BrowseResultMaskNodeClass),
			})
		}
		in, err := s.call(ctx, req)
		if tooMany(err) && len(part) > 1 {
			s.limits.browse = len(part) / 2
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if err := s.takeChildren(ctx, in, part, most, &list, &capped); err != nil {
			return nil, false, err
		}
		of = of[len(part):]
		if capped {
			return list, true, nil
		}
	}
	return list, false, nil
}

// takeChildren reads the results of browsing nodes, and goes on where the server gave only a part.
func (s *session) takeChildren(ctx context.Context, in *cursor, of []variable, most int, list *[]variable, capped *bool) error {
	if n := in.count(9); in.err == nil && n != len(of) {
		return fmt.Errorf("it was asked for %s and answered with %d", unit.Count(len(of), "node"), n)
	}
	var rest [][]byte
	for _, parent := range of {
		if more := in.references(parent, list); len(more) > 0 {
			rest = append(rest, more)
			for len(*list) < most && len(more) > 0 {
				next, err := s.call(ctx, &ua.BrowseNextRequest{ContinuationPoints: [][]byte{more}})
				if err != nil {
					return err
				}
				if next.count(9) == 0 {
					break
				}
				more = next.references(parent, list)
				if next.err != nil {
					return fmt.Errorf("read what it found: %w", next.err)
				}
				rest[len(rest)-1] = more
			}
		}
	}
	if in.err != nil {
		return fmt.Errorf("read what it found: %w", in.err)
	}
	if len(*list) > most {
		*list, *capped = (*list)[:most], true
	}
	if rest = slices.DeleteFunc(rest, func(b []byte) bool { return len(b) == 0 }); len(rest) > 0 {
		*capped = true
		_, err := s.call(ctx, &ua.BrowseNextRequest{ReleaseContinuationPoints: true, ContinuationPoints: rest})
		return err
	}
	return nil
}

// references reads one result of browsing into list, and returns where to go on.
func (c *cursor) references(parent variable, list *[]variable) (more []byte) {
	c.u32() // a node that vanished has nothing below it
	more = slices.Clone(c.bytes())
	for range c.count(10) {
		c.nodeID() // of the reference's type
		c.u8()
		node := c.node()
		name := c.qualifiedName()
		c.localizedText()
		class := ua.NodeClass(c.u32())
		c.nodeID() // of the type's definition
		if c.err != nil {
			return nil
		}
		path := strings.ReplaceAll(plain.Line(name, 200), "/", "∕")
		if parent.path != "" {
			path = parent.path + "/" + path
		}
		*list = append(*list, variable{path: path, node: node, is: class == ua.NodeClassVariable})
	}
	return more
}
