"""An edge node and a device of mqtt-spb-wrapper, which keeps to few of the rules of Sparkplug B."""
import sys
import time

from mqtt_spb_wrapper import MqttSpbEntityDevice, MqttSpbEntityEdgeNode

port = int(sys.argv[1])
device = MqttSpbEntityDevice("G", "E", "D")
device.data.set_value("temp", 20.5)
device.connect("127.0.0.1", port)
time.sleep(0.3)
device.publish_birth()
node = MqttSpbEntityEdgeNode("G", "E")
node.data.set_value("load", 1)
node.connect("127.0.0.1", port)
time.sleep(0.3)
node.publish_birth()
print("born", flush=True)
n = 0
while True:
    n += 1
    device.data.set_value("temp", float("nan") if n % 10 == 0 else 20.5 + n)
    device.publish_data()
    node.data.set_value("load", n)
    node.publish_data()
    time.sleep(0.05)
