package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mostPorts bounds how many ports of a process are told.
const mostPorts = 8

// portsOf returns on which TCP ports a process listens, as far as this user may see that on this machine.
func portsOf(pid int) (ports []string) {
	const listening = "0A"
	sockets := socketsOf(pid)
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, _ := readProc(pid, table) // it may have ended
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line) // number, local address, remote one, state, queues, timer, retransmits, user, timeout, inode
			if len(fields) < 10 || fields[3] != listening || !sockets[fields[9]] {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			if name := strconv.FormatUint(port, 10); err == nil && !slices.Contains(ports, name) && len(ports) < mostPorts {
				ports = append(ports, name)
			}
		}
	}
	return ports
}

// socketsOf returns the inodes of the sockets that a process has.
func socketsOf(pid int) map[string]bool {
	const most = 4096
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	inodes := map[string]bool{}
	files, _ := os.ReadDir(folder) // another user's
	for _, f := range files[:min(len(files), most)] {
		to, _ := os.Readlink(folder + "/" + f.Name())
		if inode, found := strings.CutPrefix(to, "socket:["); found {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}
