package telemetry

// What the sandbox counts and times.
var (
	ModuleEvents   = NewCounters("dodona_module_events_total", "module", "Events run, answered or not")
	ModuleFailures = NewCounters("dodona_module_failures_total", "cause", "Events that failed: fuel, depth, trap, pointer, guest, exit, replay, deadline, busy or host")
	ModuleFuel     = NewCounters("dodona_module_fuel_total", "module", "Fuel used")
	ModuleDropped  = NewCounters("dodona_module_instances_lost_total", "module", "Instances given up after a failure, or because they grew")
	ModuleSpans    = NewCounters("dodona_module_spans_dropped_total", "module", "Spans of traced events beyond what one event keeps")
	ModuleCompiled = NewCounters("dodona_module_compiled_total", "module", "Compilations")
	ModuleCached   = NewCounters("dodona_module_cache_hits_total", "module", "Compilations spared by the cache")
	ModuleRejected = NewCounters("dodona_module_cache_rejected_total", "module", "Cache files that were damaged or somebody else's")
	ModuleLive     = NewGauges("dodona_module_instances", "module", "Instances that exist")
	ModulePromised = NewGauge("dodona_module_promised_bytes", "Bytes of memory, stack and code that all modules together may take")
	ModuleEvent    = NewTimers("dodona_module_event_seconds", "module", "One call of the guest, without the wait for an instance")
	ModuleCompile  = NewTimers("dodona_module_compile_seconds", "module", "A compilation, the child process included")
	ModuleLoad     = NewTimers("dodona_module_load_seconds", "module", "From a module's bytes to its first instance")
)
