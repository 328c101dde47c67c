package main

// Help is what --help says beside the flags.
func (sourceReadCommand) Help() string {
	return "Examples: dodona source read plant.yaml boiler; dodona source read plant.yaml boiler -n 10 prints ten readings as they come; " +
		"dodona source read plant.yaml boiler --raw prints what came, byte for byte."
}

// Help is what --help says beside the flags.
func (sourceScanCommand) Help() string {
	return "Examples: dodona source scan modbus 192.0.2.7 unit=3 --of holding; dodona source scan modbus 192.0.2.7 --csv > tags.csv; " +
		"dodona source scan plant.yaml boiler, with the settings of a source."
}

// Help is what --help says beside the flags.
func (sourceTrustCommand) Help() string {
	return "Examples: dodona source trust plant.yaml plc shows what the server of plc showed when it was read; " +
		"dodona source trust plant.yaml plc THUMBPRINT accepts that, once it is compared with what the device itself displays."
}
