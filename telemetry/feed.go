package telemetry

// What a feed counts and times.
var (
	FeedAnswered  = NewCounters("dodona_feed_answered_total", "feed", "Rounds with an answer")
	FeedMissed    = NewCounters("dodona_feed_missed_total", "feed", "Rounds without an answer, those included that passed before they could be asked")
	FeedPassed    = NewCounters("dodona_feed_passed_total", "feed", "Rounds that passed before they could be asked")
	FeedUncertain = NewCounters("dodona_feed_uncertain_total", "feed", "Answers of uncertain quality")
	FeedOutliers  = NewCounters("dodona_feed_inputs_outlier_total", "feed", "Inputs too far from the others")
	FeedStale     = NewCounters("dodona_feed_inputs_stale_total", "feed", "Inputs measured too long before the round")
	FeedBad       = NewCounters("dodona_feed_inputs_bad_total", "feed", "Inputs without a number")
	FeedFailed    = NewCounters("dodona_feed_inputs_failed_total", "feed", "Inputs whose exchange failed")
	FeedLate      = NewCounters("dodona_feed_inputs_late_total", "feed", "Inputs after the deadline")
	FeedDropped   = NewCounters("dodona_feed_readings_dropped_total", "feed", "Readings beyond what a round keeps")
	FeedPanics    = NewCounters("dodona_feed_panics_total", "feed", "Panics while a source was asked, each an input that failed")
	FeedRound     = NewGauges("dodona_feed_round_timestamp_seconds", "feed", "The last round, answered or missed, in seconds since 1970").In(1e3)
	FeedGood      = NewGauges("dodona_feed_answered_timestamp_seconds", "feed", "The last round with an answer, in seconds since 1970; absent before the first one since the start").In(1e3)
	FeedInARow    = NewGauges("dodona_feed_missed_in_a_row", "feed", "Rounds asked and missed since the last answer, or since the start")
	FeedDue       = NewGauges("dodona_feed_due_timestamp_seconds", "feed", "When the round after the last one is due, in seconds since 1970").In(1e3)
	FeedAnswer    = NewTimers("dodona_feed_answer_seconds", "feed", "From a round's start to its bundle, asking included")
)
