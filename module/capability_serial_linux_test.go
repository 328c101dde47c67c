package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/dodona-oracle/dodona/module/abi"
)

// openPTY returns the device's end of a pseudo terminal, and the path of the other end, which passes bytes as they are.
func openPTY(t *testing.T) (device *os.File, path string) {
	t.Helper()
	device, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	raw, err := device.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var errs error
	err = raw.Control(func(fd uintptr) {
		n, err1 := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		err2 := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		mode, err3 := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if errs = errors.Join(err1, err2, err3); errs != nil {
			return
		}
		mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
		number, errs = n, unix.IoctlSetTermios(int(fd), unix.TCSETS, mode)
	})
	if err := errors.Join(err, errs); err != nil {
		t.Fatal(err)
	}
	return device, fmt.Sprintf("/dev/pts/%d", number)
}

func TestGuestTalksToASerialDevice(t *testing.T) {
	device, path := openPTY(t)
	host := fullHost()
	var opened []*os.File
	host.Serial = func(_ context.Context, name string) (abi.Port, error) {
		if name != "meter" {
			return nil, fmt.Errorf("no port %q", name)
		}
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		opened = append(opened, f)
		return f, err
	}
	answered := make(chan error, 1)
	go func() {
		question := make([]byte, 4)
		_, err := io.ReadFull(device, question)
		if err == nil && string(question) != "M?\x00\n" {
			err = fmt.Errorf("the device was asked %q", question)
		}
		if err == nil {
			_, err = device.WriteString("21.5\r\n")
		}
		answered <- err
	}()

	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	name, nameLen := s.text("meter")
	question, questionLen := s.text("M?\x00\n")
	other, otherLen := s.text("modem")
	s.call("serial_open", other, otherLen)
	s.call("serial_open", name, nameLen)
	s.call("serial_write", 0, question, questionLen)
	s.call("serial_read", 0, outAt, 4, 2000)
	s.call("serial_read", 0, outAt+4, 100, 2000)
	s.call("serial_read", 0, outAt+50, 100, 1)
	s.call("serial_read", 1, outAt+50, 100, 1)
	s.call("serial_close", 0)
	s.call("serial_close", 0)
	s.call("serial_write", 0, question, questionLen)
	s.call("serial_open", name, nameLen) // left open
	ev := s.event()
	got, out := s.run(m, ev)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{-abi.EACCES, 0, 4, 4, 2, -abi.ETIMEDOUT, -abi.EINVAL, 0, -abi.EINVAL, -abi.EINVAL, 0}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if b := string(seen(out, 0, 10)); b != "21.5\r\n\x00\x00\x00\x00" {
		t.Errorf("read %q", b)
	}
	for i, f := range opened {
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("port %d is still open after the event: %v", i, err)
		}
	}
	if len(opened) != 2 {
		t.Errorf("%d ports were opened", len(opened))
	}
	replays(t, spec, ev, out)
}

// gone is a port whose line is cut.
type gone struct{ *os.File }

func (gone) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }
func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSerialPortsAreCountedAndMayFail(t *testing.T) {
	_, path := openPTY(t)
	host := fullHost()
	host.Serial = func(context.Context, string) (abi.Port, error) {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		return gone{f}, err
	}
	spec := capable(t, host)
	m := abiModule(t, spec)
	s := newScript(t, "capability")
	name, nameLen := s.text("meter")
	var want []int64
	for i := range int64(maxPorts) {
		s.call("serial_open", name, nameLen)
		want = append(want, i)
	}
	s.call("serial_open", name, nameLen)
	s.call("serial_close", 2)
	s.call("serial_open", name, nameLen)
	s.call("serial_read", 3, outAt, 8, 10)
	s.call("serial_write", 3, outAt, 8)
	s.call("serial_read", 3, outAt, 0, 10)
	s.call("serial_close", -1)
	want = append(want, -abi.ENOSPC, 0, 2, -abi.EIO, -abi.EIO, 0, -abi.EINVAL)
	ev := s.event()
	got, out := s.run(m, ev)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	replays(t, spec, ev, out)

	s = newScript(t, "capability")
	s.call("serial_open", name, 0)
	if got, _ := s.run(m, s.event()); got[0] != -abi.EACCES {
		t.Errorf("a port without a name: got %d", got[0])
	}
	host.Serial = func(context.Context, string) (abi.Port, error) { return nil, errors.New(strings.Repeat("x", 10)) }
	m = abiModule(t, capable(t, host))
	s = newScript(t, "capability")
	name, nameLen = s.text("meter")
	s.call("serial_open", name, nameLen)
	if got, _ := s.run(m, s.event()); got[0] != -abi.EIO {
		t.Errorf("a port that cannot be opened: got %d", got[0])
	}
}
