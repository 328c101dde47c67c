package telemetry

// What the pumps of sources count and time.
var (
	SourceExchanges = NewCounters("dodona_source_exchanges_total", "source", "Calls of Observe that ended, well or not")
	SourceFailures  = NewCounters("dodona_source_failures_total", "source", "Opens, exchanges and acknowledgements that failed")
	SourceReadings  = NewCounters("dodona_source_readings_total", "source", "Readings that reached the journal")
	SourceDropped   = NewCounters("dodona_source_dropped_total", "source", "Readings that were given up, each for a reason in the log")
	SourcePanics    = NewCounters("dodona_source_panics_total", "source", "Panics inside a source, recovered")
	SourceRestarts  = NewCounters("dodona_source_restarts_total", "source", "Sources closed and opened again because they were silent")
	SourceStrays    = NewGauges("dodona_source_strays", "source", "Calls that did not return when told to, still running")
	SourceUp        = NewGauges("dodona_source_up", "source", "1 while data comes of which a feed can use something, else 0")
	SourceExchange  = NewTimers("dodona_source_exchange_seconds", "source", "One call of Observe")
	SourceIntake    = NewTimers("dodona_source_intake_seconds", "source", "Waiting until the node has memory for what came")
)
