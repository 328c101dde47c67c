//go:build !linux

package durable

func renameOnce(from, to string) error { return renameChecked(from, to) }
