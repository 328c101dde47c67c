"""A KNX client on a tunnel: client.py GATEWAY_PORT CONTROL_PORT. Each datagram on the control port is a command, answered with ok.

write 1/2/3 0c1a    GroupValueWrite of bytes
bit 1/2/4 1         GroupValueWrite of at most six bits
answer 1/2/5 0c1a   from now on GroupValueResponse to who reads the group
reads 1/2/5         how often it was read
"""

import asyncio
import sys

from xknx import XKNX
from xknx.dpt import DPTArray, DPTBinary
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import GroupAddress, Telegram
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite


async def main(gateway: int, control: int) -> None:
    answers: dict[str, DPTArray] = {}
    reads: dict[str, int] = {}

    def received(telegram: Telegram) -> None:
        group = str(telegram.destination_address)
        if isinstance(telegram.payload, GroupValueRead):
            reads[group] = reads.get(group, 0) + 1
            if group in answers:
                x.telegrams.put_nowait(Telegram(telegram.destination_address, payload=GroupValueResponse(answers[group])))

    x = XKNX(
        connection_config=ConnectionConfig(
            connection_type=ConnectionType.TUNNELING, gateway_ip="127.0.0.1", gateway_port=gateway, local_ip="127.0.0.1"
        ),
        telegram_received_cb=received,
        rate_limit=0,
    )
    await x.start()

    class Control(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr) -> None:
            verb, group, *rest = data.decode().split()
            answer = "ok"
            if verb == "write":
                x.telegrams.put_nowait(Telegram(GroupAddress(group), payload=GroupValueWrite(DPTArray(tuple(bytes.fromhex(rest[0]))))))
            elif verb == "bit":
                x.telegrams.put_nowait(Telegram(GroupAddress(group), payload=GroupValueWrite(DPTBinary(int(rest[0])))))
            elif verb == "answer":
                answers[group] = DPTArray(tuple(bytes.fromhex(rest[0])))
            elif verb == "reads":
                answer = str(reads.get(group, 0))
            self.transport.sendto(answer.encode(), addr)

    await asyncio.get_running_loop().create_datagram_endpoint(Control, local_addr=("127.0.0.1", control))
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
