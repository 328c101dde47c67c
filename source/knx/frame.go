package knx

import (
	"encoding/binary"
	"errors"

	"github.com/vapourismo/knx-go/knx/cemi"
	"github.com/vapourismo/knx-go/knx/knxnet"
)

const (
	headerSize = 6
	tunnelSize = 4 // of what stands before a telegram in a tunnel
)

var errFrame = errors.New("it is no KNXnet/IP")

// serviceOf returns what a datagram is, and its content, if it is a whole one of KNXnet/IP.
func serviceOf(datagram []byte) (service knxnet.ServiceID, content []byte, err error) {
	if len(datagram) < headerSize || datagram[0] != headerSize || datagram[1] != 0x10 || int(binary.BigEndian.Uint16(datagram[4:])) != len(datagram) {
		return 0, nil, errFrame
	}
	return knxnet.ServiceID(binary.BigEndian.Uint16(datagram[2:])), datagram[headerSize:], nil
}

// unpack reads a datagram with the library, which panics on some that are too short and never ends on some descriptions: it is given no more than
// what a line needs. Another service is nil.
func unpack(datagram []byte) (message knxnet.Service, err error) {
	defer func() {
		if recover() != nil {
			message, err = nil, errFrame
		}
	}()
	service, _, err := serviceOf(datagram)
	if err != nil {
		return nil, err
	}
	switch service {
	case knxnet.ConnResService, knxnet.ConnStateResService, knxnet.DiscReqService, knxnet.TunnelResService, knxnet.RoutingLostService, knxnet.RoutingBusyService:
	default:
		return nil, nil
	}
	if _, err := knxnet.Unpack(datagram, &message); err != nil {
		return nil, errFrame
	}
	return message, nil
}

// readOf is a telegram that reads a group: the one sort that is ever sent.
func readOf(group, own uint16) cemi.LData {
	return cemi.LData{
		Control1:    cemi.Control1StdFrame | cemi.Control1NoRepeat | cemi.Control1NoSysBroadcast | cemi.Control1Prio(cemi.PrioLow),
		Control2:    cemi.Control2GroupAddr | cemi.Control2Hops(6),
		Source:      cemi.IndividualAddr(own),
		Destination: group,
		Data:        &cemi.AppData{Command: cemi.GroupValueRead},
	}
}
