package peertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

const inNetwork = "DODONA_TEST_NETWORK"

// HasNetwork reports whether this process is in a network of its own, as [InNetwork] makes.
func HasNetwork() bool { return os.Getenv(inNetwork) != "" }

// InNetwork runs this program once more in a network of its own, whose only interface is loopback, and returns its exit code: for peers that
// listen on every address there is, and for multicast, which must stay in here. Only root may; otherwise, and within such a network, it
// returns false and has done nothing.
func InNetwork() (code int, done bool) {
	if HasNetwork() || os.Geteuid() != 0 || exec.Command("unshare", "-n", "true").Run() != nil {
		return 0, false
	}
	const network = `ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo src 127.0.0.1 && exec "$0" "$@"`
	c := exec.Command("unshare", append([]string{"-n", "sh", "-c", network}, os.Args...)...)
	c.Env = append(os.Environ(), inNetwork+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), true
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}
