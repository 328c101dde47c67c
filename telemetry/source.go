package telemetry

// What the pumps of sources count and time; the label is the source's name.
const (
	SourceExchanges Counter = "dodona_source_exchanges_total" // calls of Observe that ended, well or not
	SourceFailures  Counter = "dodona_source_failures_total"  // opens, exchanges and acknowledgements that failed
	SourceReadings  Counter = "dodona_source_readings_total"  // readings that reached the journal
	SourceDropped   Counter = "dodona_source_dropped_total"   // readings that were given up, each for a reason in the log
	SourcePanics    Counter = "dodona_source_panics_total"    // panics inside a source, recovered
	SourceRestarts  Counter = "dodona_source_restarts_total"  // sources closed and opened again because they were silent
	SourceStrays    Gauge   = "dodona_source_strays"          // calls that did not return when told to, still running
	SourceUp        Gauge   = "dodona_source_up"              // 1 while data comes, else 0
	SourceExchange  Timer   = "dodona_source_exchange_seconds"
	SourceIntake    Timer   = "dodona_source_intake_seconds" // waiting until the node has memory for what came
)
