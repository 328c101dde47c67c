package telemetry

// What sinks count and time; the label is the sink's name.
const (
	SinkDelivered  Counter = "dodona_sink_delivered_total"  // records that arrived; on a chain, that are final
	SinkSuperseded Counter = "dodona_sink_superseded_total" // records that did not go because a newer one did
	SinkSkipped    Counter = "dodona_sink_skipped_total"    // records that were not due by the policy, or older than the sink
	SinkFailures   Counter = "dodona_sink_failures_total"   // tries that failed
	SinkDead       Counter = "dodona_sink_dead_total"       // records refused for good
	SinkUnkept     Counter = "dodona_sink_unkept_total"     // receipts and events that the journal can never take, given up
	SinkReverted   Counter = "dodona_sink_reverted_total"   // transactions that the contract refused in a block
	SinkReorgs     Counter = "dodona_sink_reorgs_total"     // transactions whose block was replaced
	SinkBumps      Counter = "dodona_sink_bumps_total"      // transactions replaced by ones that pay more
	SinkQueue      Gauge   = "dodona_sink_queue"            // records taken and not delivered
	SinkTroubles   Gauge   = "dodona_sink_troubles"         // kinds of trouble in the way now; the status names them
	SinkBalance    Gauge   = "dodona_sink_balance_gwei"     // what the sender owns
	SinkDelivery   Timer   = "dodona_sink_delivery_seconds" // one exchange with the peer
)
