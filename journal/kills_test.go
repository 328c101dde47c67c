//go:build !integration

package journal

// kills is how often a process is killed; more often with the tag integration.
const kills = 3
