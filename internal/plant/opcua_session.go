package plant

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

const (
	maxOperations   = 50 // nodes in one request: a response fits into the least chunk
	maxUASubscribed = 8  // subscriptions of a session
	maxItems        = 50 // monitored items of a session
	maxPublish      = 10 // publish requests that wait
	shortestPublish = 50 * time.Millisecond
	longestPublish  = time.Minute
)

// A uaSession is the session of a connection, and ends with it.
type uaSession struct {
	auth          *ua.NodeID // nil before it is created
	active        bool
	waiting       []uaWaiting // publish requests, the oldest first
	subscriptions []*uaSubscription
	items         int
}

// A uaWaiting is a publish request without its response.
type uaWaiting struct{ number, handle uint32 }

// A uaSubscription is what a client wants to be told.
type uaSubscription struct {
	id       uint32
	every    time.Duration
	due      time.Time
	quiet    uint32 // publishings without a notification
	alive    uint32 // publishings without one until a sign of life
	sequence uint32 // of the next notification
	items    []*uaItem
}

// A uaItem is a node whose changes are told.
type uaItem struct {
	id, handle uint32
	read       *ua.ReadValueID
	told       string // its last value; empty before the first
}

// serve returns the response to a request, with mu held; nil if it comes later.
func (c *uaChannel) serve(req ua.Request, number uint32) (ua.Response, error) {
	switch req := req.(type) {
	case *ua.GetEndpointsRequest:
		return &ua.GetEndpointsResponse{Endpoints: []*ua.EndpointDescription{c.endpoint(req.EndpointURL)}}, nil
	case *ua.FindServersRequest:
		return &ua.FindServersResponse{Servers: []*ua.ApplicationDescription{c.endpoint(req.EndpointURL).Server}}, nil
	case *ua.CreateSessionRequest:
		return c.create(req)
	}
	s := &c.session
	if req == nil {
		return nil, ua.StatusBadServiceUnsupported
	}
	if s.auth == nil || req.Header().AuthenticationToken == nil || req.Header().AuthenticationToken.String() != s.auth.String() {
		return nil, ua.StatusBadSessionIDInvalid
	}
	switch req := req.(type) {
	case *ua.ActivateSessionRequest:
		if req.UserIdentityToken != nil && req.UserIdentityToken.Value != nil {
			if _, anonymous := req.UserIdentityToken.Value.(*ua.AnonymousIdentityToken); !anonymous {
				return nil, ua.StatusBadIdentityTokenRejected
			}
		}
		s.active = true
		return &ua.ActivateSessionResponse{ServerNonce: nonce()}, nil
	case *ua.CloseSessionRequest:
		*s = uaSession{}
		return &ua.CloseSessionResponse{}, nil
	}
	if !s.active {
		return nil, ua.StatusBadSessionNotActivated
	}
	return c.serveActive(req, number)
}

// serveActive is serve for what needs an activated session.
func (c *uaChannel) serveActive(req ua.Request, number uint32) (ua.Response, error) {
	s := &c.session
	switch req := req.(type) {
	case *ua.ReadRequest:
		if err := few(len(req.NodesToRead)); err != nil {
			return nil, err
		}
		resp := &ua.ReadResponse{}
		for _, n := range req.NodesToRead {
			resp.Results = append(resp.Results, c.part.attribute(n))
		}
		return resp, nil
	case *ua.BrowseRequest:
		if err := few(len(req.NodesToBrowse)); err != nil {
			return nil, err
		}
		resp := &ua.BrowseResponse{}
		for _, n := range req.NodesToBrowse {
			resp.Results = append(resp.Results, c.part.children(n))
		}
		return resp, nil
	case *ua.CreateSubscriptionRequest:
		return c.subscribe(req)
	case *ua.CreateMonitoredItemsRequest:
		return c.monitor(req)
	case *ua.DeleteMonitoredItemsRequest:
		return c.unmonitor(req)
	case *ua.DeleteSubscriptionsRequest:
		return c.unsubscribe(req)
	case *ua.PublishRequest:
		if len(s.subscriptions) == 0 {
			return nil, ua.StatusBadNoSubscription
		}
		if len(s.waiting) >= maxPublish {
			return nil, ua.StatusBadTooManyPublishRequests
		}
		s.waiting = append(s.waiting, uaWaiting{number, req.RequestHeader.RequestHandle})
		return nil, nil
	case *ua.RepublishRequest:
		return nil, ua.StatusBadMessageNotAvailable
	}
	return nil, ua.StatusBadServiceUnsupported
}

func few(operations int) error {
	switch {
	case operations == 0:
		return ua.StatusBadNothingToDo
	case operations > maxOperations:
		return ua.StatusBadTooManyOperations
	}
	return nil
}

func nonce() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

// endpoint is the one that the server has, by the URL that the client knows it by.
func (c *uaChannel) endpoint(url string) *ua.EndpointDescription {
	const most = 300 // bytes
	if url == "" || len(url) > most {
		url = "opc.tcp://" + c.part.gate.Addr().String()
	}
	return &ua.EndpointDescription{
		EndpointURL: url, SecurityMode: ua.MessageSecurityModeNone, SecurityPolicyURI: ua.SecurityPolicyURINone,
		TransportProfileURI: "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
		Server: &ua.ApplicationDescription{
			ApplicationURI: namespaces[1], ProductURI: namespaces[1], ApplicationName: ua.NewLocalizedText("Dodona's simulated press"), ApplicationType: ua.ApplicationTypeServer,
			DiscoveryURLs: []string{url},
		},
		UserIdentityTokens: []*ua.UserTokenPolicy{{PolicyID: "anonymous", TokenType: ua.UserTokenTypeAnonymous}},
	}
}

// create makes the session; one that there was is forgotten.
func (c *uaChannel) create(req *ua.CreateSessionRequest) (ua.Response, error) {
	c.session = uaSession{auth: ua.NewByteStringNodeID(0, nonce())}
	return &ua.CreateSessionResponse{
		SessionID: ua.NewNumericNodeID(1, c.part.next.Add(1)), AuthenticationToken: c.session.auth, RevisedSessionTimeout: float64(maxIdle / time.Millisecond),
		ServerNonce: nonce(), ServerEndpoints: []*ua.EndpointDescription{c.endpoint(req.EndpointURL)}, ServerSignature: &ua.SignatureData{}, MaxRequestMessageSize: maxMessage,
	}, nil
}

func (c *uaChannel) subscribe(req *ua.CreateSubscriptionRequest) (ua.Response, error) {
	s := &c.session
	if len(s.subscriptions) >= maxUASubscribed {
		return nil, ua.StatusBadTooManySubscriptions
	}
	least := max(shortestPublish, c.part.world.every)
	every := least
	if wants := req.RequestedPublishingInterval; wants > 0 && wants < float64(longestPublish/time.Millisecond) {
		every = max(least, time.Duration(wants*float64(time.Millisecond)))
	} else if wants > 0 {
		every = max(least, longestPublish)
	}
	alive := min(max(req.RequestedMaxKeepAliveCount, 1), 1000)
	sub := &uaSubscription{id: c.part.next.Add(1), every: every, due: time.Now().Add(every), alive: alive, quiet: alive, sequence: 1}
	s.subscriptions = append(s.subscriptions, sub)
	return &ua.CreateSubscriptionResponse{
		SubscriptionID: sub.id, RevisedPublishingInterval: float64(every) / float64(time.Millisecond), RevisedLifetimeCount: 3 * max(alive, req.RequestedLifetimeCount/3), RevisedMaxKeepAliveCount: alive,
	}, nil
}

func (s *uaSession) subscription(wanted uint32) *uaSubscription {
	for _, sub := range s.subscriptions {
		if sub.id == wanted {
			return sub
		}
	}
	return nil
}

func (c *uaChannel) monitor(req *ua.CreateMonitoredItemsRequest) (ua.Response, error) {
	if err := few(len(req.ItemsToCreate)); err != nil {
		return nil, err
	}
	sub := c.session.subscription(req.SubscriptionID)
	if sub == nil {
		return nil, ua.StatusBadSubscriptionIDInvalid
	}
	resp := &ua.CreateMonitoredItemsResponse{}
	for _, wanted := range req.ItemsToCreate {
		resp.Results = append(resp.Results, c.monitorOne(sub, wanted))
	}
	return resp, nil
}

func (c *uaChannel) monitorOne(sub *uaSubscription, wanted *ua.MonitoredItemCreateRequest) *ua.MonitoredItemCreateResult {
	result := &ua.MonitoredItemCreateResult{FilterResult: ua.NewExtensionObject(nil)}
	p := wanted.RequestedParameters
	now := c.part.attribute(wanted.ItemToMonitor)
	switch {
	case now.Status == ua.StatusBadNodeIDUnknown || now.Status == ua.StatusBadAttributeIDInvalid:
		result.StatusCode = now.Status
	case p.Filter != nil && p.Filter.EncodingMask != ua.ExtensionObjectEmpty:
		result.StatusCode = ua.StatusBadMonitoredItemFilterUnsupported
	case c.session.items >= maxItems:
		result.StatusCode = ua.StatusBadTooManyMonitoredItems
	default:
		item := &uaItem{id: c.part.next.Add(1), handle: p.ClientHandle, read: wanted.ItemToMonitor}
		sub.items = append(sub.items, item)
		c.session.items++
		result.MonitoredItemID, result.RevisedQueueSize, result.RevisedSamplingInterval = item.id, 1, float64(sub.every)/float64(time.Millisecond)
	}
	return result
}

func (c *uaChannel) unmonitor(req *ua.DeleteMonitoredItemsRequest) (ua.Response, error) {
	if err := few(len(req.MonitoredItemIDs)); err != nil {
		return nil, err
	}
	sub := c.session.subscription(req.SubscriptionID)
	if sub == nil {
		return nil, ua.StatusBadSubscriptionIDInvalid
	}
	resp := &ua.DeleteMonitoredItemsResponse{}
	for _, wanted := range req.MonitoredItemIDs {
		status := ua.StatusBadMonitoredItemIDInvalid
		for i, item := range sub.items {
			if item.id == wanted {
				sub.items = append(sub.items[:i:i], sub.items[i+1:]...)
				c.session.items--
				status = ua.StatusOK
				break
			}
		}
		resp.Results = append(resp.Results, status)
	}
	return resp, nil
}

func (c *uaChannel) unsubscribe(req *ua.DeleteSubscriptionsRequest) (ua.Response, error) {
	if err := few(len(req.SubscriptionIDs)); err != nil {
		return nil, err
	}
	s, resp := &c.session, &ua.DeleteSubscriptionsResponse{}
	for _, wanted := range req.SubscriptionIDs {
		status := ua.StatusBadSubscriptionIDInvalid
		for i, sub := range s.subscriptions {
			if sub.id == wanted {
				s.subscriptions = append(s.subscriptions[:i:i], s.subscriptions[i+1:]...)
				s.items -= len(sub.items)
				status = ua.StatusOK
				break
			}
		}
		resp.Results = append(resp.Results, status)
	}
	return resp, nil
}

// publishAll tells the client what changed, until the connection ends.
func (c *uaChannel) publishAll() {
	ticks := time.NewTicker(shortestPublish)
	defer ticks.Stop()
	for {
		select {
		case <-c.publish:
			return
		case <-ticks.C:
			if c.publishDue(time.Now()) != nil {
				_ = c.conn.Close() // the reader ends with it
				return
			}
		}
	}
}

func (c *uaChannel) publishDue(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.session
	for _, sub := range s.subscriptions {
		if now.Before(sub.due) || len(s.waiting) == 0 {
			continue
		}
		sub.due = now.Add(sub.every)
		changes := sub.changes(c.part)
		if sub.quiet++; len(changes) == 0 && sub.quiet < sub.alive {
			continue
		}
		sub.quiet = 0
		message := &ua.NotificationMessage{SequenceNumber: sub.sequence, PublishTime: now.UTC()}
		if len(changes) > 0 { // a sign of life has the number of the notification to come
			data := ua.NewExtensionObject(&ua.DataChangeNotification{MonitoredItems: changes})
			data.TypeID = ua.NewFourByteExpandedNodeID(0, id.DataChangeNotification_Encoding_DefaultBinary)
			message.NotificationData = []*ua.ExtensionObject{data}
			if sub.sequence++; sub.sequence == 0 {
				sub.sequence = 1
			}
		}
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		if err := c.respond("MSG", w.number, w.handle, ua.StatusOK, &ua.PublishResponse{SubscriptionID: sub.id, NotificationMessage: message}); err != nil {
			return err
		}
	}
	return nil
}

// changes returns what is new of the items.
func (s *uaSubscription) changes(p *opcuaPart) (list []*ua.MonitoredItemNotification) {
	for _, i := range s.items {
		v := p.attribute(i.read)
		said := v.Status.Error()
		if v.Value != nil {
			said = fmt.Sprint(v.Value.Value())
		}
		if said != i.told {
			i.told = said
			list = append(list, &ua.MonitoredItemNotification{ClientHandle: i.handle, Value: v})
		}
	}
	return list
}
