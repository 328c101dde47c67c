"""peer.py PORT tcp | PORT tls CERT KEY CA | DEVICE rtu: serves the units 1 and 2 by pymodbus.

In each the tables begin at 0: holding register n is n, input register n is 10000 + n, every third coil is on, every second discrete input.
Some holding registers of unit 1 are trouble: 900 is answered late, once each time 910 was read; 901 is busy twice, then answered; 902 is
acknowledged twice, then answered; 903 is busy for ever; 904 has no path, 905 no answer behind its gateway; 906 is never answered.
"""

import asyncio
import ssl
import sys

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

LATE = 2.0  # seconds
state = {"late": True, 901: 2, 902: 2}


async def action(function, _start, address, _count, _registers, values):
    if values is not None or function != 3:
        return None
    if address == 910:
        state["late"] = True
    elif address == 900 and state["late"]:
        state["late"] = False
        await asyncio.sleep(LATE)
    elif address in (901, 902):
        state[address] -= 1
        if state[address] >= 0:
            return ExcCodes.DEVICE_BUSY if address == 901 else ExcCodes.ACKNOWLEDGE
        state[address] = 2
    elif address == 903:
        return ExcCodes.DEVICE_BUSY
    elif address == 904:
        return ExcCodes.GATEWAY_PATH_UNAVIABLE
    elif address == 905:
        return ExcCodes.GATEWAY_NO_RESPONSE
    elif address == 906:
        await asyncio.sleep(3600)
    return None


def unit(number):
    tables = (
        [SimData(0, values=[n % 3 == 0 for n in range(1000)], datatype=DataType.BITS)],
        [SimData(0, values=[n % 2 == 1 for n in range(1000)], datatype=DataType.BITS)],
        [SimData(0, values=list(range(1000)), datatype=DataType.REGISTERS)],
        [SimData(0, values=[10000 + n for n in range(1000)], datatype=DataType.REGISTERS)],
    )
    return SimDevice(number, simdata=tables, action=action if number == 1 else None)


async def main():
    units = [unit(1), unit(2)]
    where, how = sys.argv[1], sys.argv[2]
    if how == "rtu":
        server = ModbusSerialServer(units, framer=FramerType.RTU, port=where, baudrate=9600)
    elif how == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        context.load_verify_locations(sys.argv[5])
        context.verify_mode = ssl.CERT_REQUIRED
        server = ModbusTlsServer(units, address=("127.0.0.1", int(where)), sslctx=context)
    else:
        server = ModbusTcpServer(units, address=("127.0.0.1", int(where)))
    await server.serve_forever(background=True)
    print("listening", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
