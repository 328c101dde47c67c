"""A controller: python-snap7's server, whose memory a test writes over a second port, a line at a time: AREA OFFSET HEX."""
import socket
import sys

from snap7 import SrvArea
from snap7.server import Server

port, control = int(sys.argv[1]), int(sys.argv[2])
areas = {
    "DB1": (SrvArea.DB, 1, bytearray(2048)),
    "DB2": (SrvArea.DB, 2, bytearray(16)),
    "M": (SrvArea.MK, 0, bytearray(64)),
    "I": (SrvArea.PE, 0, bytearray(64)),
    "Q": (SrvArea.PA, 0, bytearray(64)),
}
server = Server(log=False)
for code, number, memory in areas.values():
    server.register_area(code, number, memory)
server.start_to("127.0.0.1", port)

listener = socket.create_server(("127.0.0.1", control))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            area, offset, data = line.split()
            data = bytes.fromhex(data)
            areas[area][2][int(offset) : int(offset) + len(data)] = data
            lines.write("done\n")
            lines.flush()
