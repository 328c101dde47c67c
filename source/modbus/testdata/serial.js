// serial.js PORT [DEVICE]: serves unit 1 by modbus-serial, at a port of TCP or on a serial line. The tables are those of peer.py, with 1000 entries.
const { ServerTCP, ServerSerial } = require("modbus-serial");

const [port, device] = process.argv.slice(2);
const known = (at) => {
  if (at >= 1000) throw { modbusErrorCode: 2, msg: "illegal data address" };
};
const tables = {
  getHoldingRegister: (at) => (known(at), at),
  getInputRegister: (at) => (known(at), 10000 + at),
  getCoil: (at) => (known(at), at % 3 === 0),
  getDiscreteInput: (at) => (known(at), at % 2 === 1),
};
if (device) {
  const server = new ServerSerial(tables, { port: device, baudRate: 9600, unitID: 1, openCallback: () => console.log("listening") });
  server.on("error", console.error);
} else {
  const server = new ServerTCP(tables, { host: "127.0.0.1", port: Number(port), unitID: 1 });
  server.on("initialized", () => console.log("listening"));
  server.on("socketError", console.error);
}
