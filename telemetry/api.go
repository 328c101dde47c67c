package telemetry

// What package api measures.
const (
	APIRequests    Counter = "dodona_api_requests_total"       // label: the class of the status, "2xx" to "5xx"
	APIRefused     Counter = "dodona_api_refused_total"        // label: why: "host", "origin", "token", "busy", "clients"
	APIStreamSlow  Counter = "dodona_api_stream_slow_total"    // stream clients that were let go because they did not keep up
	APIStreamSkip  Counter = "dodona_api_stream_skipped_total" // events a client asked to resume from that were no longer kept
	APIStreamOpen  Gauge   = "dodona_api_stream_clients"       // clients of the stream now
	APIRequestTime Timer   = "dodona_api_request_seconds"      // label: the route; streams are not timed
)
