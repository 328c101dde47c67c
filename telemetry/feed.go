package telemetry

// What a feed counts and times; the label is the feed's name.
const (
	FeedAnswered  Counter = "dodona_feed_answered_total"              // rounds with an answer
	FeedMissed    Counter = "dodona_feed_missed_total"                // rounds without one, passed ones included
	FeedPassed    Counter = "dodona_feed_passed_total"                // missed rounds that passed before they could be asked
	FeedUncertain Counter = "dodona_feed_uncertain_total"             // answers of uncertain quality
	FeedOutliers  Counter = "dodona_feed_inputs_outlier_total"        // inputs too far from the others
	FeedStale     Counter = "dodona_feed_inputs_stale_total"          // inputs measured too long before the round
	FeedBad       Counter = "dodona_feed_inputs_bad_total"            // inputs without a number
	FeedFailed    Counter = "dodona_feed_inputs_failed_total"         // inputs whose exchange failed
	FeedLate      Counter = "dodona_feed_inputs_late_total"           // inputs after the deadline
	FeedDropped   Counter = "dodona_feed_readings_dropped_total"      // readings beyond what a round keeps
	FeedPanics    Counter = "dodona_feed_panics_total"                // panics of asks, each an input that failed
	FeedRound     Gauge   = "dodona_feed_round_timestamp_millisecond" // the last round, Unix milliseconds
	FeedAnswer    Timer   = "dodona_feed_answer_seconds"              // from the round's start to its bundle, asking included
)
