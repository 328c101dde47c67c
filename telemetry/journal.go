package telemetry

// What the journal counts and times. Its streams are RAW and PROOF.
var (
	JournalRecords    = NewCounters("dodona_journal_records_total", "topic", "Records written")
	JournalDuplicates = NewCounters("dodona_journal_duplicates_total", "stream", "Records that were there already")
	JournalConflicts  = NewCounters("dodona_journal_conflicts_total", "stream", "Claims and data that another process forestalled")
	JournalFlushes    = NewCounters("dodona_journal_flushes_total", "stream", "Synchronous writes")
	JournalRetries    = NewCounters("dodona_journal_retries_total", "stream", "Writes tried again")
	JournalFreed      = NewCounters("dodona_journal_freed_total", "stream", "Records given up by retention")
	JournalFreedBytes = NewCounters("dodona_journal_freed_bytes_total", "stream", "Bytes of records given up by retention")
	JournalCarried    = NewCounters("dodona_journal_carried_total", "stream", "Records that retention wrote again because they are the last of their keys")
	JournalLost       = NewCounters("dodona_journal_lost_total", "stream", "Records that an audit missed")
	JournalDelivered  = NewCounters("dodona_journal_delivered_total", "reader", "Records handed to a reader")
	JournalResets     = NewCounters("dodona_journal_resets_total", "reader", "Times a reader began or went back to what it had finished")
	JournalBytes      = NewGauges("dodona_journal_bytes", "stream", "Bytes kept on disk")
	JournalLimit      = NewGauges("dodona_journal_limit_bytes", "stream", "Bytes that the stream may take")
	JournalBlocked    = NewGauges("dodona_journal_blocked", "stream", "1 while appends wait for room or for the store")
	JournalWaiting    = NewGauges("dodona_journal_waiting", "reader", "Records that a reader of this process has not finished, such as those that wait for a sink; measured every 15 s")
	JournalAppend     = NewTimers("dodona_journal_append_seconds", "stream", "From an append to its being on the disk")
	JournalFlush      = NewTimers("dodona_journal_flush_seconds", "stream", "One synchronous write")
)
