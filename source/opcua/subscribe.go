package opcua

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A subscriber has a server tell of changes. It asks for notifications itself rather than through the library, so that a notification
// is acknowledged only after its readings are in the journal, and so that nothing but what arrives counts as a sign of life.
type subscriber struct {
	client *client

	of       *session // whose the rest is
	id       uint32
	period   time.Duration // of signs of life, as the server revised it
	requests []published   // publish requests on their way, the oldest first
	most     int           // of them
	acks     []*ua.SubscriptionAcknowledgement
	sequence uint32 // of the last notification; 0 before the first
	sign     time.Time
}

// A published is a request for the next notification.
type published struct {
	wait   <-chan answer
	number uint32
}

const (
	outstanding   = 3 // publish requests, so that the server has one while others travel
	signs         = 3 // keep-alive periods without any sign of life are too many
	lifetimeSigns = 20
	perPublish    = 1000
	clientHandles = 1 // the first
)

// observe returns the next notification, or what was read because it did not change for long.
func (s *subscriber) observe(ctx context.Context) (b dodona.Batch, err error) {
	c := s.client
	session, fresh, err := c.ready(ctx)
	if err != nil {
		return b, err
	}
	if fresh || s.of != session {
		if err := c.resolve(ctx, session); err != nil {
			return b, err
		}
		return s.begin(ctx, session)
	}
	if changed, err := c.again(ctx, session); err != nil {
		return b, err
	} else if changed { // a new session has them; requests that are on their way would take notifications of a new subscription here
		c.drop()
		return b, nil
	}
	if due := s.stale(); len(due) > 0 {
		return s.refresh(ctx, due)
	}
	return s.next(ctx)
}

// begin makes a subscription in a session that was opened just now. It returns what every node is.
func (s *subscriber) begin(ctx context.Context, session *session) (b dodona.Batch, err error) {
	c := s.client
	*s = subscriber{client: c, of: session, sign: c.env.Now(), most: outstanding}
	counts := max(1, uint32(math.Ceil(float64(c.settings.KeepAlive)/float64(c.settings.Publishing))))
	in, err := session.call(ctx, &ua.CreateSubscriptionRequest{
		RequestedPublishingInterval: milliseconds(c.settings.Publishing), RequestedMaxKeepAliveCount: counts,
		RequestedLifetimeCount: counts * lifetimeSigns, MaxNotificationsPerPublish: perPublish, PublishingEnabled: true,
	})
	if err != nil {
		return b, fmt.Errorf("subscribe: %w", err)
	}
	s.id = in.u32()
	interval, lifetime, signEvery := in.f64(), in.u32(), in.u32()
	if in.err != nil || !(interval >= 0 && interval < 1e9) {
		return b, errors.New("subscribe: the server's revised times cannot be read")
	}
	s.period = max(time.Duration(interval*float64(time.Millisecond))*time.Duration(max(signEvery, 1)), 10*time.Millisecond)
	if s.period > 2*c.settings.KeepAlive {
		c.env.Log.Warn(fmt.Sprintf("%s: the server gives a sign of life every %s, not every %s as keep_alive wants", c.env.Source,
			unit.FormatDuration(s.period), unit.FormatDuration(c.settings.KeepAlive)), "source", c.env.Source)
	}
	_ = lifetime // it lasts as long as we ask, and a subscription that ended is a notification
	for _, i := range c.items {
		i.watched = false
	}
	if b.Readings, err = s.watch(ctx, c.items); err != nil {
		return b, err
	}
	s.sign = c.env.Now()
	return b, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// watch asks for the changes of items, and returns what the server refused. One that is refused is read now and then, and asked for again when
// it is there.
func (s *subscriber) watch(ctx context.Context, items []*item) (readings []dodona.Reading, err error) {
	c, most := s.client, s.of.limits.monitor
	wanted := slices.DeleteFunc(slices.Clone(items), func(i *item) bool { return i.node == nil })
	for _, i := range items {
		if i.node == nil {
			readings = append(readings, c.reading(i, refused(i.lacking), "subscription", c.env.Now()))
		}
	}
	for len(wanted) > 0 {
		part := wanted[:min(len(wanted), most)]
		refusals, err := s.monitor(ctx, part)
		if tooMany(err) && len(part) > 1 {
			most = len(part) / 2
			s.of.limits.monitor = most
			continue
		}
		if err != nil {
			return nil, err
		}
		readings, wanted = append(readings, refusals...), wanted[len(part):]
	}
	return readings, nil
}

// monitor is one request of watch.
func (s *subscriber) monitor(ctx context.Context, items []*item) (refusals []dodona.Reading, err error) {
	c := s.client
	req := &ua.CreateMonitoredItemsRequest{SubscriptionID: s.id, TimestampsToReturn: ua.TimestampsToReturnBoth}
	for _, i := range items {
		req.ItemsToCreate = append(req.ItemsToCreate, &ua.MonitoredItemCreateRequest{
			ItemToMonitor:  &ua.ReadValueID{NodeID: i.node, AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}},
			MonitoringMode: ua.MonitoringModeReporting,
			RequestedParameters: &ua.MonitoringParameters{
				ClientHandle: uint32(slices.Index(c.items, i)) + clientHandles, SamplingInterval: milliseconds(cmp.Or(c.settings.Sampling, c.settings.Publishing)), Filter: filter(i.deadband),
				QueueSize: c.settings.Queue, DiscardOldest: c.settings.Discard == discardOldest,
			},
		})
	}
	in, err := s.of.call(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("watch nodes: %w", err)
	}
	if n := in.count(20); in.err == nil && n != len(items) {
		return nil, fmt.Errorf("watch nodes: it was asked for %s and answered with %d", unit.Count(len(items), "node"), n)
	}
	for _, i := range items {
		status := ua.StatusCode(in.u32())
		in.u32()       // its id
		in.f64()       // the revised sampling
		in.u32()       // the revised queue
		in.extension() // what became of the filter
		if in.err != nil {
			return nil, fmt.Errorf("watch nodes: %w", in.err)
		}
		if i.watched = qualityOf(status) != dodona.Bad; i.watched {
			continue
		}
		refusals = append(refusals, c.reading(i, refused(status), "subscription", c.env.Now()))
	}
	return refusals, nil
}

// filter returns the filter of a deadband; nil for none.
func filter(d Deadband) *ua.ExtensionObject {
	if d.IsZero() {
		return ua.NewExtensionObject(nil)
	}
	amount, _ := strconv.ParseFloat(d.amount.String(), 64) // digits: cannot fail; what the server compares is a double
	kind := ua.DeadbandTypeAbsolute
	if d.percent {
		kind = ua.DeadbandTypePercent
	}
	out := ua.NewExtensionObject(&ua.DataChangeFilter{Trigger: ua.DataChangeTriggerStatusValue, DeadbandType: uint32(kind), DeadbandValue: amount})
	out.TypeID = ua.NewFourByteExpandedNodeID(0, id.DataChangeFilter_Encoding_DefaultBinary)
	return out
}

// stale returns the items of which nothing came for refresh.
func (s *subscriber) stale() (due []*item) {
	c := s.client
	if c.settings.Refresh <= 0 {
		return nil
	}
	now := c.env.Now()
	for _, i := range c.items {
		if age := now.Sub(i.at); age < 0 || age >= c.settings.Refresh {
			due = append(due, i)
		}
	}
	return due
}

// tillStale returns when the next item is stale.
func (s *subscriber) tillStale() time.Duration {
	c := s.client
	least := time.Hour
	if c.settings.Refresh <= 0 {
		return least
	}
	now := c.env.Now()
	for _, i := range c.items {
		least = min(least, c.settings.Refresh-now.Sub(i.at))
	}
	return max(least, 0)
}

// refresh reads items, and watches those again that are there after all.
func (s *subscriber) refresh(ctx context.Context, due []*item) (b dodona.Batch, err error) {
	c := s.client
	if b.Readings, err = c.readAll(ctx, s.of, due); err != nil {
		return b, fmt.Errorf("read what did not change: %w", err)
	}
	var back []*item
	for n, i := range due {
		if i.node != nil && !i.watched && b.Readings[n].Quality != dodona.Bad {
			back = append(back, i)
		}
		i.watched = i.watched && !isGone(b.Readings[n].Body)
	}
	if len(back) > 0 {
		refusals, err := s.watch(ctx, back)
		if err != nil {
			return b, err
		}
		b.Readings = append(b.Readings, refusals...)
	}
	return b, nil
}

// isGone reports whether a node is not there. The server forgets what it watches with the node, and a new one of the same id is not the old one.
func isGone(body []byte) bool {
	v, err := parseValue(body)
	code := v.status & 0xffff0000
	return err == nil && (code == ua.StatusBadNodeIDUnknown || code == ua.StatusBadNodeIDInvalid)
}

// next waits for the next notification or sign of life, but not past the time when something is to be read. A batch without readings is a sign of life.
func (s *subscriber) next(ctx context.Context) (b dodona.Batch, err error) {
	c := s.client
	if err := s.of.upkeep(ctx); err != nil {
		return b, err
	}
	if err := s.publish(ctx); err != nil {
		return b, err
	}
	silent := signs*s.period + c.settings.Timeout
	patience := silent - c.env.Now().Sub(s.sign)
	if patience <= 0 {
		// Fault (exchange): a connection stands and nothing comes over it.
		return b, fmt.Errorf("no notification and no sign of life for %s, though the connection stands; connecting anew", unit.FormatDuration(silent))
	}
	wait := min(patience, s.tillStale(), renewalLook)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case got := <-s.requests[0].wait:
		s.requests = s.requests[1:]
		return s.take(ctx, got)
	case <-s.of.ended:
		return b, s.of.why()
	case <-ctx.Done():
		return b, ctx.Err()
	case <-timer.C:
		return b, nil
	}
}

// renewalLook is how often it is looked whether the keys of the channel are to be renewed.
const renewalLook = time.Minute

// publish sees that the server has requests for notifications.
func (s *subscriber) publish(ctx context.Context) error {
	for len(s.requests) < s.most {
		limited, cancel := context.WithTimeout(ctx, max(signs*s.period+s.client.settings.Timeout, time.Minute)) // its time-out hint
		wait, number, err := s.of.send(limited, s.of.auth, &ua.PublishRequest{SubscriptionAcknowledgements: s.acks})
		cancel()
		if err != nil {
			return err
		}
		s.acks = nil
		s.requests = append(s.requests, published{wait, number})
	}
	return nil
}

// take reads what a server published.
func (s *subscriber) take(ctx context.Context, got answer) (b dodona.Batch, err error) {
	in, err := got.response(id.PublishRequest_Encoding_DefaultBinary)
	var status statusError
	if errors.As(err, &status) && status.code&0xffff0000 == ua.StatusBadTooManyPublishRequests && s.most > 1 {
		s.most--
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("ask for notifications: %w", err)
	}
	subscription := in.u32()
	for range in.count(4) {
		in.u32() // what could be published again
	}
	in.u8() // whether there is more
	sequence := in.u32()
	in.u64() // when it was published
	if in.err != nil || subscription != s.id {
		return b, fmt.Errorf("read a notification of subscription %d: %w", subscription, cmpErr(in.err, errors.New("it is of another one")))
	}
	received := s.client.env.Now()
	s.sign = received
	count := in.count(4)
	if count == 0 { // a sign of life, which has the number of the notification to come
		return b, in.err
	}
	s.missing(sequence)
	for range count {
		kind, body := in.extension()
		if in.err != nil {
			return b, fmt.Errorf("read a notification: %w", in.err)
		}
		readings, err := s.notified(kind, body, received)
		if err != nil {
			return b, err
		}
		b.Readings = append(b.Readings, readings...)
	}
	b.Ack = func(context.Context) error {
		s.acks = append(s.acks, &ua.SubscriptionAcknowledgement{SubscriptionID: s.id, SequenceNumber: sequence})
		return nil
	}
	return b, nil
}

func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// missing notes the number of a notification, and says what did not come before it.
func (s *subscriber) missing(sequence uint32) {
	expected := s.sequence + 1
	if s.sequence == math.MaxUint32 {
		expected = 1
	}
	if s.sequence != 0 && sequence != expected && sequence-expected < math.MaxInt32 {
		// Fault (dropped): notifications are lost on the way.
		s.client.env.Dropped(uint64(sequence-expected), "the server's notifications before this one did not come")
	}
	s.sequence = sequence
}

// notified reads one part of a notification.
func (s *subscriber) notified(kind *ua.NodeID, body []byte, received time.Time) (readings []dodona.Reading, err error) {
	in := &cursor{rest: body}
	switch kind.IntID() {
	case id.DataChangeNotification_Encoding_DefaultBinary:
		for range in.count(5) {
			handle, value := in.u32(), in.dataValue()
			if in.err != nil {
				break
			}
			if n := int(handle) - clientHandles; n >= 0 && n < len(s.client.items) {
				i := s.client.items[n]
				i.watched = i.watched && !isGone(value)
				readings = append(readings, s.client.reading(i, value, "subscription", received))
			}
		}
	case id.StatusChangeNotification_Encoding_DefaultBinary:
		status := ua.StatusCode(in.u32())
		if in.err == nil {
			// Fault (exchange): a server gives a subscription up.
			return nil, fmt.Errorf("the server ended the subscription: %s", reasonOf(status))
		}
	default:
		s.client.env.Log.Debug(fmt.Sprintf("%s: a notification of the type %s, which nobody asked for", s.client.env.Source, plain.Line(kind.String(), 60)), "source", s.client.env.Source)
	}
	if in.err != nil {
		return nil, fmt.Errorf("read a notification: %w", in.err)
	}
	return readings, nil
}
