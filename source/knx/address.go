package knx

import (
	"fmt"
	"strconv"
	"strings"
)

// parseGroup reads a group address: 1/2/3 of three levels, 1/515 of two, or 2563.
func parseGroup(text string) (uint16, error) {
	bad := fmt.Errorf("%q is no group address: want 1/2/3, as the ETS shows it", text)
	parts := strings.Split(text, "/")
	bits := map[int][]int{1: {16}, 2: {5, 11}, 3: {5, 3, 8}}[len(parts)]
	var address uint64
	if bits == nil {
		return 0, bad
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, bits[i])
		if err != nil || part[0] == '+' {
			return 0, bad
		}
		address = address<<bits[i] | n
	}
	if address == 0 {
		return 0, fmt.Errorf("%q is everybody's address, which no group has", text)
	}
	return uint16(address), nil
}

// groupText writes a group address in three levels.
func groupText(address uint16) string {
	return fmt.Sprintf("%d/%d/%d", address>>11, address>>8&7, address&0xff)
}

// parseIndividual reads the address of a device, such as 1.1.20.
func parseIndividual(text string) (uint16, error) {
	parts := strings.Split(text, ".")
	var address uint64
	if len(parts) != 3 {
		return 0, fmt.Errorf("%q is no address of a device: want 1.1.20", text)
	}
	for i, part := range parts {
		bits := []int{4, 4, 8}[i]
		n, err := strconv.ParseUint(part, 10, bits)
		if err != nil || part[0] == '+' {
			return 0, fmt.Errorf("%q is no address of a device: want 1.1.20", text)
		}
		address = address<<bits | n
	}
	return uint16(address), nil
}

// individualText writes the address of a device.
func individualText(address uint16) string {
	return fmt.Sprintf("%d.%d.%d", address>>12, address>>8&0xf, address&0xff)
}
