package telemetry

// What the sandbox counts and times; the label is the module's name unless something else is said.
const (
	ModuleEvents   Counter = "dodona_module_events_total"         // events run, answered or not
	ModuleFailures Counter = "dodona_module_failures_total"       // events that failed; label: the cause
	ModuleFuel     Counter = "dodona_module_fuel_total"           // fuel used
	ModuleDropped  Counter = "dodona_module_instances_lost_total" // instances given up after a failure, or because they grew
	ModuleSpans    Counter = "dodona_module_spans_dropped_total"  // spans of traced events beyond what one event keeps
	ModuleCompiled Counter = "dodona_module_compiled_total"       // compilations
	ModuleCached   Counter = "dodona_module_cache_hits_total"     // compilations spared by the cache
	ModuleRejected Counter = "dodona_module_cache_rejected_total" // cache files that were damaged or somebody else's
	ModuleLive     Gauge   = "dodona_module_instances"            // instances that exist
	ModulePromised Gauge   = "dodona_module_promised_bytes"       // memory, stack and code that all modules may take; no label
	ModuleEvent    Timer   = "dodona_module_event_seconds"        // the guest's call, without waiting for an instance
	ModuleCompile  Timer   = "dodona_module_compile_seconds"      // a compilation, the child process included
	ModuleLoad     Timer   = "dodona_module_load_seconds"         // from the bytes to the first instance
)
