// js.js PORT: serves any unit by jsmodbus, whose connections answer nothing any more once they were asked for a function that it does not know.
// The tables are those of peer.py, with 1000 entries.
const net = require("net");
const modbus = require("jsmodbus");

const holding = Buffer.alloc(2000), input = Buffer.alloc(2000), coils = Buffer.alloc(125), discrete = Buffer.alloc(125);
for (let n = 0; n < 1000; n++) {
  holding.writeUInt16BE(n, 2 * n);
  input.writeUInt16BE(10000 + n, 2 * n);
  if (n % 3 === 0) coils[n >> 3] |= 1 << n % 8;
  if (n % 2 === 1) discrete[n >> 3] |= 1 << n % 8;
}
const server = new net.Server();
new modbus.server.TCP(server, { holding, input, coils, discrete });
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
