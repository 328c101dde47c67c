package plant

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// An opcuaPart is the press. Anybody may read it, without security. The server of the library is not used: it has 3.4 MiB of XML in it, and what a
// stranger sends can end the whole process there.
type opcuaPart struct {
	gate  *gate
	world world
	lying atomic.Bool
	next  atomic.Uint32 // of channels, sessions and subscriptions
}

func startOPCUA(ctx context.Context, c Config, w world) (part, error) {
	g, err := listen(ctx, address(c.Host, c.OPCUA))
	if err != nil {
		return nil, fmt.Errorf("listen for opcua: %w", err)
	}
	return &opcuaPart{gate: g, world: w}, nil
}

func (p *opcuaPart) devices() []Device {
	return []Device{{Name: "press", Protocol: OPCUA, Address: p.gate.Addr().String(), Points: []Point{
		{"force", "kN", "ns=2;s=Press.Force, a Double"},
		{"strokes", "", "ns=2;s=Press.Strokes, a UInt32"},
	}}}
}

func (p *opcuaPart) fault(_ string, f Fault) {
	p.lying.Store(f == Lie)
	p.gate.set(f)
}

func (p *opcuaPart) run(ctx context.Context) {
	var clients sync.WaitGroup
	defer clients.Wait()
	stop := context.AfterFunc(ctx, func() { _ = p.gate.Close() })
	defer stop()
	for {
		c, err := p.gate.Accept()
		if err != nil {
			return
		}
		clients.Go(func() { p.serve(c) })
	}
}

// serve speaks with one client until it ends or says what is not understood.
func (p *opcuaPart) serve(c net.Conn) {
	s := &uaChannel{part: p, conn: c, id: p.next.Add(1), publish: make(chan struct{})}
	var worker sync.WaitGroup
	worker.Go(s.publishAll)
	_ = s.read() // it was told what is wrong, where that is possible
	close(s.publish)
	_ = c.Close()
	worker.Wait()
}

// namespaces are those of the server, by their index.
var namespaces = []string{"http://opcfoundation.org/UA/", "urn:dodona:sim", "urn:dodona:plant"}

// A uaNode is a node that the server has.
type uaNode struct {
	id, parent *ua.NodeID
	name       string
	class      ua.NodeClass
	kind       uint32                           // the id of the data type of a variable, of the type of an object
	value      func(p *opcuaPart) *ua.DataValue // of a variable
}

func uaNodes() []uaNode {
	numeric := func(n uint32) *ua.NodeID { return ua.NewNumericNodeID(0, n) }
	object := func(node, parent *ua.NodeID, name string) uaNode {
		return uaNode{id: node, parent: parent, name: name, class: ua.NodeClassObject, kind: id.FolderType}
	}
	root, objects, server, press := numeric(id.RootFolder), numeric(id.ObjectsFolder), numeric(id.Server), ua.NewStringNodeID(2, "Press")
	return []uaNode{
		object(root, nil, "Root"), object(objects, root, "Objects"), object(server, objects, "Server"), object(press, objects, "Press"),
		{numeric(id.Server_NamespaceArray), server, "NamespaceArray", ua.NodeClassVariable, id.String, func(*opcuaPart) *ua.DataValue { return uaValue(namespaces, time.Now()) }},
		{numeric(id.Server_ServerStatus_CurrentTime), server, "CurrentTime", ua.NodeClassVariable, id.UtcTime, func(*opcuaPart) *ua.DataValue { return uaValue(time.Now().UTC(), time.Now()) }},
		{numeric(id.Server_ServerStatus_State), server, "State", ua.NodeClassVariable, id.Int32, func(*opcuaPart) *ua.DataValue { return uaValue(int32(0), time.Now()) }},
		{numeric(id.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead), server, "MaxNodesPerRead", ua.NodeClassVariable, id.UInt32, mostOperations},
		{numeric(id.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall), server, "MaxMonitoredItemsPerCall", ua.NodeClassVariable, id.UInt32, mostOperations},
		{numeric(id.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse), server, "MaxNodesPerBrowse", ua.NodeClassVariable, id.UInt32, mostOperations},
		{ua.NewStringNodeID(2, "Press.Force"), press, "Force", ua.NodeClassVariable, id.Double, (*opcuaPart).force},
		{ua.NewStringNodeID(2, "Press.Strokes"), press, "Strokes", ua.NodeClassVariable, id.UInt32, (*opcuaPart).strokes},
	}
}

func mostOperations(*opcuaPart) *ua.DataValue { return uaValue(uint32(maxOperations), time.Now()) }

// force is what the press measures; when it lies its sensor is broken, and it says so.
func (p *opcuaPart) force() *ua.DataValue {
	force, _, since := p.world.press(time.Now())
	if p.lying.Load() {
		return &ua.DataValue{
			EncodingMask: ua.DataValueStatusCode | ua.DataValueSourceTimestamp | ua.DataValueServerTimestamp, Status: ua.StatusBadSensorFailure,
			SourceTimestamp: since, ServerTimestamp: time.Now().UTC(),
		}
	}
	return uaValue(float64(force)/10, since)
}

func (p *opcuaPart) strokes() *ua.DataValue {
	_, strokes, since := p.world.press(time.Now())
	return uaValue(uint32(strokes), since)
}

// uaValue returns a good value that stands since then.
func uaValue(v any, since time.Time) *ua.DataValue {
	return &ua.DataValue{
		EncodingMask: ua.DataValueValue | ua.DataValueSourceTimestamp | ua.DataValueServerTimestamp, Value: ua.MustVariant(v),
		SourceTimestamp: since.UTC(), ServerTimestamp: time.Now().UTC(),
	}
}

// nodeOf returns the node that has an id.
func (p *opcuaPart) nodeOf(wanted *ua.NodeID) (uaNode, bool) {
	for _, n := range uaNodes() {
		if wanted != nil && n.id.String() == wanted.String() {
			return n, true
		}
	}
	return uaNode{}, false
}

// attribute returns an attribute of a node.
func (p *opcuaPart) attribute(r *ua.ReadValueID) *ua.DataValue {
	n, found := p.nodeOf(r.NodeID)
	if !found {
		return refusedValue(ua.StatusBadNodeIDUnknown)
	}
	variable := n.class == ua.NodeClassVariable
	now := time.Now()
	switch {
	case r.AttributeID == ua.AttributeIDNodeID:
		return uaValue(n.id, now)
	case r.AttributeID == ua.AttributeIDNodeClass:
		return uaValue(int32(n.class), now)
	case r.AttributeID == ua.AttributeIDBrowseName:
		return uaValue(&ua.QualifiedName{NamespaceIndex: n.id.Namespace(), Name: n.name}, now)
	case r.AttributeID == ua.AttributeIDDisplayName:
		return uaValue(ua.NewLocalizedText(n.name), now)
	case !variable:
		return refusedValue(ua.StatusBadAttributeIDInvalid)
	case r.AttributeID == ua.AttributeIDValue:
		return n.value(p)
	case r.AttributeID == ua.AttributeIDDataType:
		return uaValue(ua.NewNumericNodeID(0, n.kind), now)
	case r.AttributeID == ua.AttributeIDValueRank:
		rank := int32(-1) // a scalar
		if n.name == "NamespaceArray" {
			rank = 1
		}
		return uaValue(rank, now)
	case r.AttributeID == ua.AttributeIDAccessLevel || r.AttributeID == ua.AttributeIDUserAccessLevel:
		return uaValue(byte(1), now) // it can be read
	}
	return refusedValue(ua.StatusBadAttributeIDInvalid)
}

func refusedValue(code ua.StatusCode) *ua.DataValue {
	return &ua.DataValue{EncodingMask: ua.DataValueStatusCode, Status: code}
}

// children returns what stands right below a node.
func (p *opcuaPart) children(b *ua.BrowseDescription) *ua.BrowseResult {
	if _, found := p.nodeOf(b.NodeID); !found {
		return &ua.BrowseResult{StatusCode: ua.StatusBadNodeIDUnknown}
	}
	result := &ua.BrowseResult{}
	if b.BrowseDirection == ua.BrowseDirectionInverse {
		return result
	}
	for _, n := range uaNodes() {
		if n.parent == nil || n.parent.String() != b.NodeID.String() || b.NodeClassMask != 0 && b.NodeClassMask&uint32(n.class) == 0 {
			continue
		}
		reference, of := uint32(id.Organizes), n.kind
		if n.class == ua.NodeClassVariable {
			reference, of = id.HasComponent, id.BaseDataVariableType
		}
		result.References = append(result.References, &ua.ReferenceDescription{
			ReferenceTypeID: ua.NewNumericNodeID(0, reference), IsForward: true, NodeID: ua.NewExpandedNodeID(n.id, "", 0), NodeClass: n.class,
			BrowseName: &ua.QualifiedName{NamespaceIndex: n.id.Namespace(), Name: n.name}, DisplayName: ua.NewLocalizedText(n.name),
			TypeDefinition: ua.NewNumericExpandedNodeID(0, of),
		})
	}
	return result
}
