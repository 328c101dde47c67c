package snmp

import (
	"slices"
	"strconv"
	"strings"
)

// tables are objects that devices of all makers have, by where their table or group stands and their number in it: of MIB-II and the interfaces
// (RFC 1213, RFC 2863), of hosts (RFC 2790), sensors (RFC 3433) and uninterruptible power supplies (RFC 1628). "-" has no name here.
var tables = map[string]string{
	"1.3.6.1.2.1.1": "sysDescr sysObjectID sysUpTime sysContact sysName sysLocation sysServices",
	"1.3.6.1.2.1.2": "ifNumber",
	ifEntry: "ifIndex ifDescr ifType ifMtu ifSpeed ifPhysAddress ifAdminStatus ifOperStatus ifLastChange ifInOctets ifInUcastPkts ifInNUcastPkts ifInDiscards " +
		"ifInErrors ifInUnknownProtos ifOutOctets ifOutUcastPkts ifOutNUcastPkts ifOutDiscards ifOutErrors ifOutQLen ifSpecific",
	ifXEntry: "ifName ifInMulticastPkts ifInBroadcastPkts ifOutMulticastPkts ifOutBroadcastPkts ifHCInOctets ifHCInUcastPkts ifHCInMulticastPkts " +
		"ifHCInBroadcastPkts ifHCOutOctets ifHCOutUcastPkts ifHCOutMulticastPkts ifHCOutBroadcastPkts ifLinkUpDownTrapEnable ifHighSpeed ifPromiscuousMode " +
		"ifConnectorPresent ifAlias ifCounterDiscontinuityTime",
	"1.3.6.1.2.1.25.1":     "hrSystemUptime hrSystemDate - - hrSystemNumUsers hrSystemProcesses",
	"1.3.6.1.2.1.25.2":     "- hrMemorySize",
	"1.3.6.1.2.1.25.2.3.1": "hrStorageIndex hrStorageType hrStorageDescr hrStorageAllocationUnits hrStorageSize hrStorageUsed hrStorageAllocationFailures",
	"1.3.6.1.2.1.25.3.2.1": "hrDeviceIndex hrDeviceType hrDeviceDescr hrDeviceID hrDeviceStatus hrDeviceErrors",
	"1.3.6.1.2.1.25.3.3.1": "hrProcessorFrwID hrProcessorLoad",
	"1.3.6.1.2.1.33.1.2": "upsBatteryStatus upsSecondsOnBattery upsEstimatedMinutesRemaining upsEstimatedChargeRemaining upsBatteryVoltage " +
		"upsBatteryCurrent upsBatteryTemperature",
	"1.3.6.1.2.1.99.1.1.1": "entPhySensorType entPhySensorScale entPhySensorPrecision entPhySensorValue entPhySensorOperStatus entPhySensorUnitsDisplay " +
		"entPhySensorValueTimeStamp entPhySensorValueUpdateRate",
}

// scalars are those of tables that are groups: each object has one value, whose instance is 0.
var scalars = []string{"1.3.6.1.2.1.1", "1.3.6.1.2.1.2", "1.3.6.1.2.1.25.1", "1.3.6.1.2.1.25.2", "1.3.6.1.2.1.33.1.2"}

// instance returns the name of an object that has one here and is named without which of its values is meant, and how that is said.
func instance(oid string) (name, how string) {
	name, known := knownName(oid)
	if !known || strings.Contains(name, ".") {
		return "", ""
	}
	if table := oid[:strings.LastIndex(oid, ".")]; slices.Contains(scalars, table) {
		return name, "write " + name + ".0, for there is one"
	}
	return name, "it is a column; write " + name + ".2 for row 2, or find the row by row"
}

// knownOID returns the OID of an object that has a name here.
func knownOID(name string) (oid string, known bool) {
	for table, list := range tables {
		for i, n := range strings.Fields(list) {
			if n == name && n != "-" {
				return table + "." + strconv.Itoa(i+1), true
			}
		}
	}
	return "", false
}

// knownName returns what an OID is called here, with what follows the name: ifInOctets.2.
func knownName(oid string) (name string, known bool) {
	for table, list := range tables {
		of, is := below(table, oid)
		if !is {
			continue
		}
		number, index, more := strings.Cut(of, ".")
		for i, n := range strings.Fields(list) {
			if strconv.Itoa(i+1) != number || n == "-" {
				continue
			}
			if more {
				n += "." + index
			}
			return n, true
		}
	}
	return "", false
}
