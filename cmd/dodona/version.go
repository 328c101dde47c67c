package main

import "runtime/debug"

// version is set by the linker; empty in a plain go build or go install.
var version string

// release says which program this is, wherever that is told: what the linker was told, else what the build itself knows.
var release = released(version, debug.ReadBuildInfo)

func released(linked string, read func() (*debug.BuildInfo, bool)) string {
	if linked != "" && linked != "unknown" {
		return linked
	}
	if info, found := read(); found {
		return versionOf(info)
	}
	return "unknown"
}

// versionOf returns the version of the module, else the commit.
func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return "unknown"
	}
	return revision + dirty
}
