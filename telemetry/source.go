package telemetry

// What the pumps of sources count and time; the label is the source's name.
const (
	SourceExchanges Counter = "source_exchanges_total" // calls of Observe that ended, well or not
	SourceFailures  Counter = "source_failures_total"  // opens, exchanges and acknowledgements that failed
	SourceReadings  Counter = "source_readings_total"  // readings that reached the journal
	SourceDropped   Counter = "source_dropped_total"   // readings that were given up, each for a reason in the log
	SourcePanics    Counter = "source_panics_total"    // panics inside a source, recovered
	SourceRestarts  Counter = "source_restarts_total"  // sources closed and opened again because they were silent
	SourceStrays    Gauge   = "source_strays"          // calls that did not return when told to, still running
	SourceUp        Gauge   = "source_up"              // 1 while data comes, else 0
	SourceExchange  Timer   = "source_exchange_seconds"
)
