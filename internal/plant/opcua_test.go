package plant

import (
	"context"
	"testing"
	"time"

	"github.com/gopcua/opcua"
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// connected returns a client of the library, which knows nothing of the server.
func connected(t *testing.T, ctx context.Context, p *Plant) *opcua.Client {
	t.Helper()
	c, err := opcua.NewClient("opc.tcp://"+at(t, p, "press"), opcua.SecurityMode(ua.MessageSecurityModeNone), opcua.AutoReconnect(false))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func readForce(ctx context.Context, c *opcua.Client, attribute ua.AttributeID, node string) (*ua.DataValue, error) {
	got, err := c.Read(ctx, &ua.ReadRequest{NodesToRead: []*ua.ReadValueID{{NodeID: ua.MustParseNodeID(node), AttributeID: attribute}}, TimestampsToReturn: ua.TimestampsToReturnBoth})
	if err != nil {
		return nil, err
	}
	return got.Results[0], nil
}

func TestThePressIsReadBrowsedAndSubscribedTo(t *testing.T) {
	p := started(t, Config{Every: 20 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := connected(t, ctx, p)
	v, err := readForce(ctx, c, ua.AttributeIDValue, "ns=2;s=Press.Force")
	if err != nil {
		t.Fatal(err)
	}
	if force, is := v.Value.Value().(float64); !is || force < 50 || force > 250 || v.Status != ua.StatusOK || time.Since(v.SourceTimestamp) > patience {
		t.Errorf("got %+v, want 50 to 250", v)
	}
	for node, want := range map[string]ua.StatusCode{"ns=2;s=Kettle": ua.StatusBadNodeIDUnknown, "ns=2;s=Press": ua.StatusBadAttributeIDInvalid} {
		if v, err := readForce(ctx, c, ua.AttributeIDValue, node); err != nil || v.Status != want {
			t.Errorf("%s: got %+v, %v, want %s", node, v, err, want)
		}
	}
	refs, err := c.Node(ua.NewStringNodeID(2, "Press")).References(ctx, id.HierarchicalReferences, ua.BrowseDirectionForward, ua.NodeClassVariable, true)
	if err != nil || len(refs) != 2 || refs[0].BrowseName.Name != "Force" {
		t.Errorf("browsing finds %v, %v", refs, err)
	}
	notes := make(chan *opcua.PublishNotificationData, 100)
	sub, err := c.Subscribe(ctx, &opcua.SubscriptionParameters{Interval: 50 * time.Millisecond}, notes)
	if err != nil {
		t.Fatal(err)
	}
	result, err := sub.Monitor(ctx, ua.TimestampsToReturnBoth,
		opcua.NewMonitoredItemCreateRequestWithDefaults(ua.MustParseNodeID("ns=2;s=Press.Force"), ua.AttributeIDValue, 7),
		opcua.NewMonitoredItemCreateRequestWithDefaults(ua.MustParseNodeID("ns=2;s=Kettle"), ua.AttributeIDValue, 8))
	if err != nil || result.Results[0].StatusCode != ua.StatusOK || result.Results[1].StatusCode != ua.StatusBadNodeIDUnknown {
		t.Fatalf("monitored: %+v, %v", result, err)
	}
	told := func(what string, good func(*ua.DataValue) bool) {
		t.Helper()
		for {
			select {
			case n := <-notes:
				change, is := n.Value.(*ua.DataChangeNotification)
				if is && change.MonitoredItems[0].ClientHandle == 7 && good(change.MonitoredItems[0].Value) {
					return
				}
			case <-ctx.Done():
				t.Fatalf("nobody is told of %s", what)
			}
		}
	}
	told("the force", func(v *ua.DataValue) bool { return v.Value != nil })
	told("the next force", func(v *ua.DataValue) bool { return v.Value != nil })
	_ = p.Fault("press", Lie)
	told("a broken sensor", func(v *ua.DataValue) bool { return v.Status == ua.StatusBadSensorFailure })
	if err := sub.Cancel(ctx); err != nil {
		t.Error(err)
	}
}

func TestNothingOfThePressCanBeWritten(t *testing.T) {
	p := started(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := connected(t, ctx, p)
	_, err := c.Write(ctx, &ua.WriteRequest{NodesToWrite: []*ua.WriteValue{{
		NodeID: ua.MustParseNodeID("ns=2;s=Press.Force"), AttributeID: ua.AttributeIDValue, Value: uaValue(1.0, time.Now()),
	}}})
	if err == nil {
		t.Error("the press takes a value")
	}
	if _, err := readForce(ctx, c, ua.AttributeIDValue, "ns=2;s=Press.Force"); err != nil {
		t.Errorf("the connection is gone after it: %v", err)
	}
}
