package telemetry

// What sinks count and time.
var (
	SinkDelivered  = NewCounters("dodona_sink_delivered_total", "sink", "Records that arrived; on a chain, those that are final")
	SinkSuperseded = NewCounters("dodona_sink_superseded_total", "sink", "Records that did not go because a newer one did")
	SinkSkipped    = NewCounters("dodona_sink_skipped_total", "sink", "Records that were not due by the policy, older than the sink, or of a source that it delivers no longer")
	SinkFailures   = NewCounters("dodona_sink_failures_total", "sink", "Tries that failed")
	SinkDead       = NewCounters("dodona_sink_dead_total", "sink", "Records refused for good")
	SinkForeign    = NewCounters("dodona_sink_foreign_total", "sink", "Records of another network than the node's, which are given to nobody")
	SinkOvertaken  = NewCounters("dodona_sink_overtaken_total", "sink", "Readings that retention freed before a sink of points had delivered them; those in its hand then are among them")
	SinkUnkept     = NewCounters("dodona_sink_unkept_total", "sink", "Receipts and events that the journal can never take, given up")
	SinkReverted   = NewCounters("dodona_sink_reverted_total", "sink", "Transactions that the contract refused in a block")
	SinkReorgs     = NewCounters("dodona_sink_reorgs_total", "sink", "Transactions whose block was replaced")
	SinkBumps      = NewCounters("dodona_sink_bumps_total", "sink", "Transactions replaced by ones that pay more")
	SinkQueue      = NewGauges("dodona_sink_queue", "sink", "Records taken and not delivered; of a sink of points also the readings that wait behind them, measured every 5 s, which are in dodona_journal_waiting for others")
	SinkUp         = NewGauges("dodona_sink_up", "sink", "0 while what was tried last failed and once the sink has stopped, else 1; a chain's troubles are counted by themselves")
	SinkTroubles   = NewGauges("dodona_sink_troubles", "sink", "Kinds of trouble in the way now; the status names them")
	SinkBalance    = NewGauges("dodona_sink_balance_ether", "sink", "What the sender of transactions owns, in the chain's coin").In(1e9)
	SinkExchange   = NewTimers("dodona_sink_exchange_seconds", "sink", "One exchange with a peer that takes records at once, or that failed")
	SinkDelivery   = NewTimers("dodona_sink_delivery_seconds", "sink", "From the attestation of an answer, or the seal of an anchor, to its arrival; on a chain, to the first block that has it")
)
