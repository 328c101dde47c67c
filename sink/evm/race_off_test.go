//go:build !race

package evm

const racing = false
