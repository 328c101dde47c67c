// A server of node-opcua with a small plant. Lines on its control port change it; each is answered with one line.
"use strict";
const net = require("net");
const opcua = require("node-opcua");
const o = JSON.parse(process.argv[2]);
const { DataType, VariantArrayType, StatusCodes, Variant, SecurityPolicy, MessageSecurityMode } = opcua;

(async () => {
  const manager = new opcua.OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: o.pki });
  await manager.initialize();
  const users = new opcua.OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: o.pki + "/users" });
  await users.initialize();
  const server = new opcua.OPCUAServer({
    port: o.port, hostname: "127.0.0.1", resourcePath: "/plant", serverCertificateManager: manager, userCertificateManager: users,
    certificateFile: o.cert, privateKeyFile: o.key, serverInfo: { applicationUri: "urn:dodona:test:server" },
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: true, userManager: { isValidUser: (user, password) => user === "edge" && password === "s3cret" },
    disableDiscovery: true, maxConnectionsPerEndpoint: 50, serverCapabilities: { maxSessions: 50, operationLimits: { maxNodesPerRead: 7, maxNodesPerBrowse: 5, maxMonitoredItemsPerCall: 6 } },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const ns = space.registerNamespace("urn:dodona:test:plant");
  const plant = ns.addObject({ organizedBy: space.rootFolder.objects, browseName: "Plant", nodeId: "s=Plant" });
  const boiler = ns.addObject({ componentOf: plant, browseName: "Boiler", nodeId: "s=Boiler" });
  const nodes = {};
  const add = (parent, id, browseName, dataType, value, arrayType = VariantArrayType.Scalar, extra = {}) => {
    const n = ns.addVariable({ componentOf: parent, browseName, nodeId: "s=" + id, dataType, minimumSamplingInterval: 50, valueRank: arrayType === VariantArrayType.Scalar ? -1 : arrayType === VariantArrayType.Array ? 1 : 2, arrayDimensions: extra.dimensions ? extra.dimensions : undefined });
    n.setValueFromSource(new Variant({ dataType, value, arrayType, dimensions: extra.dimensions }), extra.status || StatusCodes.Good, new Date());
    nodes[id] = n;
  };
  add(boiler, "Boiler.T", "Temperature", DataType.Double, 21.5);
  add(boiler, "Boiler.F", "Float", DataType.Float, 0.1);
  add(boiler, "Boiler.N", "Count", DataType.UInt64, [0xffffffff, 0xffffffff]);
  add(boiler, "Boiler.Label", "Label", DataType.String, '{"n":0,"unit":"Cel"}');
  add(boiler, "Boiler.A", "Array", DataType.Float, [1.5, 2.5, 3.5], VariantArrayType.Array);
  add(boiler, "Boiler.M", "Matrix", DataType.Int32, [1, 2, 3, 4, 5, 6], VariantArrayType.Matrix, { dimensions: [2, 3] });
  add(boiler, "Boiler.When", "When", DataType.DateTime, new Date("2026-11-30T12:00:00Z"));
  add(boiler, "Boiler.Blob", "Blob", DataType.ByteString, Buffer.from([1, 2]));
  add(boiler, "Boiler.Text", "Text", DataType.LocalizedText, { locale: "en", text: "42.5" });
  add(boiler, "Boiler.On", "On", DataType.Boolean, true);
  add(boiler, "Boiler.Range", "Range", DataType.ExtensionObject, new opcua.Range({ low: -5.5, high: 120.25 }));
  add(boiler, "Gone", "Gone", DataType.Int32, 7);
  add(boiler, "Broken", "Broken", DataType.Double, 1.0, VariantArrayType.Scalar, { status: StatusCodes.BadSensorFailure });
  add(boiler, "Doubt", "Doubt", DataType.Double, 1.0, VariantArrayType.Scalar, { status: StatusCodes.UncertainLastUsableValue });
  for (const i of [1, 2, 3]) {
    const tank = ns.addObject({ componentOf: plant, browseName: "Tank" + i, nodeId: "s=Tank" + i });
    add(tank, `Tank${i}.Level`, "Level", DataType.Int32, i * 10);
  }
  const many = ns.addObject({ componentOf: plant, browseName: "Many", nodeId: "s=Many" });
  for (let i = 0; i < 40; i++) add(many, "Many." + i, "V" + i, DataType.Int32, i);

  const act = (line) => {
    const [what, id] = line.split(" ", 2), rest = line.slice(what.length + (id || "").length + 2);
    switch (what) {
      case "set": {
        const dataType = nodes[id].readValue().value.dataType;
        nodes[id].setValueFromSource({ dataType, value: dataType === DataType.String ? rest : Number(rest) }, StatusCodes.Good, new Date());
        break;
      }
      case "remove": space.deleteNode(nodes[id].nodeId); delete nodes[id]; break;
      case "add": add(boiler, id, id, DataType.Int32, Number(rest)); break;
      case "strict": manager.automaticallyAcceptUnknownCertificate = false; break;
      case "sessions": return String(server.engine.currentSessionCount);
      case "subscriptions": return String(server.engine.currentSubscriptionCount);
    }
    return "ok";
  };
  net.createServer((socket) => {
    let held = "";
    socket.on("error", () => {});
    socket.on("data", (d) => {
      held += d;
      for (let at; (at = held.indexOf("\n")) >= 0; held = held.slice(at + 1)) {
        let said;
        try { said = act(held.slice(0, at)); } catch (e) { said = "error " + e.message; }
        socket.write(said + "\n");
      }
    });
  }).listen(o.control, "127.0.0.1");
  await server.start();
  console.log("ready");
})().catch((e) => { console.error(e); process.exit(1); });
