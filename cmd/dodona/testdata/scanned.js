// A Modbus unit with two coils, no discrete inputs, no input registers, and holding registers 0 to 4 and 8 to 9.
const modbus = require('modbus-serial')
const none = { modbusErrorCode: 2, msg: 'no such address' }
const have = (there) => (address) => { if (!there(address)) throw none; return address * 3 }
const server = new modbus.ServerTCP({
  getCoil: (address) => { if (address > 1) throw none; return address === 1 },
  getDiscreteInput: () => { throw { modbusErrorCode: 1, msg: 'no such table' } },
  getInputRegister: have(() => false),
  getHoldingRegister: have((address) => address < 5 || address === 8 || address === 9),
}, { host: '127.0.0.1', port: Number(process.argv[2]), unitID: 3 })
server.on('initialized', () => console.log('listens'))
