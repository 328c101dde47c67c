package telemetry

// What measuring measures of itself.
var (
	MetricsOverflow = NewCounter("dodona_metrics_overflow_total", "Measurements counted under the label overflow, because their metric has too many others")
)
