"""A host of mqtt-spb-wrapper: prints what it makes of each message, and asks for the births once it has data."""
import json
import sys
import threading
import time

from mqtt_spb_wrapper import MqttSpbEntityScada

lock = threading.Lock()
asked = False


def say(topic, payload):
    with lock:
        values = {m["name"]: m.get("value") for m in payload.get("metrics", [])}
        metrics = {name: v for name, v in values.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
        print(json.dumps({"kind": topic.message_type, "device": topic.eon_device_name, "seq": None if payload.get("seq") is None else int(payload["seq"]), "metrics": metrics}), flush=True)


def data(topic, payload):
    global asked
    say(topic, payload)
    if not asked:
        asked = True
        host.send_command("Node Control/Rebirth", True, topic.eon_name)


host = MqttSpbEntityScada("Plant", "host-1", callback_birth=say, callback_data=data, callback_death=say)
if not host.connect("127.0.0.1", int(sys.argv[1])):
    sys.exit("no connection")
time.sleep(0.7)  # it takes what comes at first for old
print("ready", flush=True)
while True:
    time.sleep(1)
