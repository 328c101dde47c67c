package telemetry

// What package api measures.
var (
	APIRequests    = NewCounters("dodona_api_requests_total", "status", "Requests answered, by the class of the status: 2xx to 5xx")
	APIRefused     = NewCounters("dodona_api_refused_total", "reason", "Requests refused: host, origin or token for what they said, busy, clients or connections for how many there are")
	APIStreamSlow  = NewCounter("dodona_api_stream_slow_total", "Stream clients that were let go because they did not keep up")
	APIStreamSkip  = NewCounter("dodona_api_stream_skipped_total", "Events that a client asked to resume from that were no longer kept")
	APIStreamOpen  = NewGauge("dodona_api_stream_clients", "Clients that the stream has now")
	APIRequestTime = NewTimers("dodona_api_request_seconds", "route", "From a request to its answer; streams are not timed")
)
