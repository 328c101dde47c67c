package plant

import (
	"net"
	"strings"
)

// Configuration returns the configuration of a node that reads every point of the devices, each as a feed.
func Configuration(devices []Device) string {
	var pairs []string
	for _, d := range devices {
		at := d.Address
		if host, port, err := net.SplitHostPort(at); err == nil && net.ParseIP(host).IsUnspecified() {
			at = net.JoinHostPort("127.0.0.1", port) // it listens everywhere, so here too
		}
		pairs = append(pairs, "<"+d.Name+">", at)
	}
	return strings.NewReplacer(pairs...).Replace(configuration)
}

const configuration = `# Reads the plant that dodona sim simulates, as long as it runs.
node: {name: gw-plant, data: ./plant-data}
network: {name: plant}

sources:
  boiler:
    modbus:
      address: <boiler>
      registers:
        temperature: {holding: 0, type: int16, scale: 0.1, unit: Cel}
        pressure: {holding: 1, type: uint16, scale: 0.01, unit: bar}
        burner: {holding: 2, type: uint16}
        hours: {holding: 3, type: uint32, unit: h}

  flow:
    coap: {url: "coap://<flow>", paths: [/flow], observe: true, expect: 2s}
    points:
      rate: {item: /flow, senml: "plant:flow:rate", unit: l/s}
      total: {item: /flow, senml: "plant:flow:total", unit: l}

  power:
    mqtt: {url: "mqtt://<power>", topics: [plant/power], expect: 2s}
    points:
      power: {item: plant/power, pointer: /power, unit: W, time: /time}
      voltage: {item: plant/power, pointer: /voltage, unit: V, time: /time}
      energy: {item: plant/power, pointer: /energy, unit: kW.h, time: /time}

  pump:
    mqtt:
      url: mqtt://<pump>
      expect: 2s
      metrics:
        speed: {group: plant, edge: edge-1, device: pump, metric: speed, unit: /min}
        vibration: {group: plant, edge: edge-1, device: pump, metric: vibration, unit: mm/s}

  press:
    opcua:
      endpoint: opc.tcp://<press>
      security: None    # the simulator has no certificate; a press of yours should
      nodes:
        force: {id: "ns=2;s=Press.Force", unit: kN}
        strokes: {id: "ns=2;s=Press.Strokes"}

feeds:
  boiler.temperature: {unit: Cel, decimals: 1, every: 1s, from: [boiler.temperature], stale: 5s}
  boiler.pressure: {unit: bar, decimals: 2, every: 1s, from: [boiler.pressure], stale: 5s}
  boiler.burner: {decimals: 0, every: 1s, from: [boiler.burner], stale: 5s}
  boiler.hours: {unit: h, decimals: 0, every: 1s, from: [boiler.hours], stale: 5s}
  flow.rate: {unit: l/s, decimals: 2, every: 1s, from: [flow.rate], stale: 5s}
  flow.total: {unit: l, decimals: 0, every: 1s, from: [flow.total], stale: 5s}
  power.power: {unit: W, decimals: 1, every: 1s, from: [power.power], stale: 5s}
  power.voltage: {unit: V, decimals: 1, every: 1s, from: [power.voltage], stale: 5s}
  power.energy: {unit: kW.h, decimals: 2, every: 1s, from: [power.energy], stale: 5s}
  pump.speed: {unit: /min, decimals: 0, every: 1s, from: [pump.speed], stale: 5s}
  pump.vibration: {unit: mm/s, decimals: 2, every: 1s, from: [pump.vibration], stale: 5s}
  press.force: {unit: kN, decimals: 1, every: 1s, from: [press.force], stale: 5s}
  press.strokes: {decimals: 0, every: 1s, from: [press.strokes], stale: 30s}
`
