"""An SNMP device of pysnmp: agent.py PORT CONTROL_PORT. It has the community s3cret, the user u256 (SHA-256, AES), and the variables
1.3.6.1.4.1.53864.1.0 (Counter32), .2.0 (Counter64), .3.0 (Integer32) and .4.0 (OCTET STRING). Each datagram on the control port sets one: "1 4294967290".
"""

import asyncio
import sys

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto.api import v2c

values = {1: v2c.Counter32(0), 2: v2c.Counter64(0), 3: v2c.Integer32(-7), 4: v2c.OctetString("21.5")}


async def main(port: int, control: int) -> None:
    device = engine.SnmpEngine()
    config.add_transport(device, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(("127.0.0.1", port)))
    config.add_v1_system(device, "area", "s3cret")
    config.add_v3_user(
        device, "u256", config.USM_AUTH_HMAC192_SHA256, "password-a", config.USM_PRIV_CFB128_AES, "password-x"
    )
    for model, name, level in ((1, "area", "noAuthNoPriv"), (2, "area", "noAuthNoPriv"), (3, "u256", "authPriv")):
        config.add_vacm_user(device, model, name, level, (1, 3, 6), (1, 3, 6))
    contexts = context.SnmpContext(device)
    builder = contexts.get_mib_instrum().get_mib_builder()
    scalar, instance = builder.import_symbols("SNMPv2-SMI", "MibScalar", "MibScalarInstance")

    class Told(instance):
        def getValue(self, name, **_):
            return values[self.typeName[-1]].clone()

    base = (1, 3, 6, 1, 4, 1, 53864)
    symbols = {}
    for number, value in values.items():
        symbols[f"s{number}"] = scalar(base + (number,), value.clone())
        symbols[f"i{number}"] = Told(base + (number,), (0,), value.clone())
    builder.export_symbols("__PLANT", **symbols)
    for responder in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder):
        responder(device, contexts)

    class Control(asyncio.DatagramProtocol):
        def connection_made(self, transport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr) -> None:
            number, value = data.decode().split(" ", 1)
            kind = type(values[int(number)])
            values[int(number)] = kind(value if kind is v2c.OctetString else int(value))
            self.transport.sendto(b"ok", addr)

    await asyncio.get_running_loop().create_datagram_endpoint(Control, local_addr=("127.0.0.1", control))
    device.transport_dispatcher.job_started(1)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
