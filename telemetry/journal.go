package telemetry

// What the journal counts. Labels name a stream (RAW, PROOF), a topic or a reader, as said beside each.
const (
	JournalRecords    Counter = "dodona_journal_records_total"     // records written; label: topic
	JournalDuplicates Counter = "dodona_journal_duplicates_total"  // records that were there already; label: stream
	JournalConflicts  Counter = "dodona_journal_conflicts_total"   // claims and data that another process forestalled; label: stream
	JournalFlushes    Counter = "dodona_journal_flushes_total"     // synchronous writes; label: stream
	JournalRetries    Counter = "dodona_journal_retries_total"     // writes tried again; label: stream
	JournalFreed      Counter = "dodona_journal_freed_total"       // records given up by retention; label: stream
	JournalFreedBytes Counter = "dodona_journal_freed_bytes_total" // their bytes; label: stream
	JournalCarried    Counter = "dodona_journal_carried_total"     // last records of keys that retention wrote again; label: stream
	JournalLost       Counter = "dodona_journal_lost_total"        // records that an audit missed; label: stream
	JournalDelivered  Counter = "dodona_journal_delivered_total"   // records handed to a reader; label: reader
	JournalResets     Counter = "dodona_journal_resets_total"      // times a reader began or went back to what it had finished; label: reader
	JournalBytes      Gauge   = "dodona_journal_bytes"             // kept on disk; label: stream
	JournalBlocked    Gauge   = "dodona_journal_blocked"           // 1 while appends wait for room or for the store; label: stream
	JournalAppend     Timer   = "dodona_journal_append_seconds"    // from Append to durable; label: stream
	JournalFlush      Timer   = "dodona_journal_flush_seconds"     // one synchronous write; label: stream
)
