// Package capability is what modules may be granted to reach beside their input: one file for each capability, and their
// list. What a capability is called, how it is asked for and allowed, and its manual are its field in Ways of package manifest.
package capability

import "github.com/dodona-oracle/dodona/module/abi"

// All are all capabilities that have functions of their own, and the slot that they leave results in.
var All = []*abi.Set{&now, &random, &httpGet, &readSensor, &result, &verify, &state, &serial}

// absent returns what is not there, if that is so.
func absent(is bool, what string) string {
	if is {
		return what
	}
	return ""
}
