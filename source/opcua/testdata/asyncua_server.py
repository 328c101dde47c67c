"""A server of asyncua with a small plant. Lines on its control port change it; each is answered with one line."""
import asyncio
import json
import logging
import sys
from datetime import datetime, timezone

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole

logging.basicConfig(level=logging.ERROR)


class Users:
    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is None:
            return User(role=UserRole.User)
        return User(role=UserRole.User, name=username) if (username, password) == ("edge", "s3cret") else None


POLICIES = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]


async def plant(server, ns):
    nodes = {}
    top = await server.nodes.objects.add_object(ua.NodeId("Plant", ns), ua.QualifiedName("Plant", ns))
    boiler = await top.add_object(ua.NodeId("Boiler", ns), ua.QualifiedName("Boiler", ns))

    async def add(parent, id, name, value, kind=None):
        nodes[id] = await parent.add_variable(ua.NodeId(id, ns), ua.QualifiedName(name, ns), ua.Variant(value, kind) if kind else value)
        return nodes[id]

    V = ua.VariantType
    await add(boiler, "Boiler.T", "Temperature", 21.5, V.Double)
    await add(boiler, "Boiler.F", "Float", 0.1, V.Float)
    await add(boiler, "Boiler.N", "Count", 18446744073709551615, V.UInt64)
    await add(boiler, "Boiler.Label", "Label", '{"n":0,"unit":"Cel"}', V.String)
    await add(boiler, "Boiler.A", "Array", [1.5, 2.5, 3.5], V.Float)
    await add(boiler, "Boiler.When", "When", datetime(2026, 11, 30, 12, 0, 0, tzinfo=timezone.utc), V.DateTime)
    await add(boiler, "Boiler.Blob", "Blob", b"\x01\x02", V.ByteString)
    await add(boiler, "Boiler.Text", "Text", ua.LocalizedText("42.5", "en"), V.LocalizedText)
    await add(boiler, "Boiler.Range", "Range", ua.Range(Low=-5.5, High=120.25), V.ExtensionObject)
    await add(boiler, "Boiler.On", "On", True, V.Boolean)
    await add(boiler, "Gone", "Gone", 7, V.Int32)
    for i in (1, 2, 3):
        tank = await top.add_object(ua.NodeId(f"Tank{i}", ns), ua.QualifiedName(f"Tank{i}", ns))
        await add(tank, f"Tank{i}.Level", "Level", i * 10, V.Int32)
    many = await top.add_object(ua.NodeId("Many", ns), ua.QualifiedName("Many", ns))
    for i in range(40):
        await add(many, f"Many.{i}", f"V{i}", i, V.Int32)
    for id, code in (("Broken", ua.StatusCodes.BadSensorFailure), ("Doubt", ua.StatusCodes.UncertainLastUsableValue)):
        n = await add(boiler, id, id, 1.0, V.Double)
        await n.write_value(ua.DataValue(ua.Variant(1.0, V.Double), StatusCode=ua.StatusCode(code), SourceTimestamp=datetime.now(timezone.utc)))
    return nodes, boiler


async def made(o):
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{o['port']}/plant")
    server.set_server_name("asyncua plant")
    await server.set_application_uri("urn:dodona:test:server")
    server.set_security_policy(POLICIES if o.get("cert") else [ua.SecurityPolicyType.NoSecurity])
    server.set_identity_tokens([ua.AnonymousIdentityToken, ua.UserNameIdentityToken, ua.X509IdentityToken])
    if o.get("cert"):
        await server.load_certificate(o["cert"])
        await server.load_private_key(o["key"])
    return server


async def main():
    o = json.loads(sys.argv[1])
    server = await made(o)
    for other in o.get("others") or []:  # which have nothing but another certificate
        await (await made(other)).start()
    ns = await server.register_namespace("urn:dodona:test:plant")
    nodes, boiler = await plant(server, ns)

    async def do(line):
        what, id, *rest = (line + " ").split(" ", 2)
        if what == "set":
            n = nodes[id]
            kind = await n.read_data_type_as_variant_type()
            value = rest[0].strip()
            if kind in (ua.VariantType.Double, ua.VariantType.Float):
                value = float(value)
            elif kind != ua.VariantType.String:
                value = int(value)
            now = datetime.now(timezone.utc)
            await n.write_value(ua.DataValue(ua.Variant(value, kind), SourceTimestamp=now, ServerTimestamp=now))
        elif what == "remove":
            await server.delete_nodes([nodes.pop(id)])
        elif what == "add":
            nodes[id] = await boiler.add_variable(ua.NodeId(id, ns), ua.QualifiedName(id, ns), ua.Variant(int(rest[0]), ua.VariantType.Int32))
        elif what == "text":
            nodes[id] = await boiler.add_variable(ua.NodeId(id, ns), ua.QualifiedName(id, ns), ua.Variant(rest[0].strip(), ua.VariantType.String))
        elif what == "sessions":
            return str(len(server.iserver._external_sessions))
        return "ok"

    async def control(reader, writer):
        while line := await reader.readline():
            try:
                said = await do(line.decode().strip())
            except Exception as e:  # the test reads it
                said = f"error {e!r}"
            writer.write((said + "\n").encode())
            await writer.drain()

    async with server:
        listener = await asyncio.start_server(control, "127.0.0.1", o["control"])
        print("ready", flush=True)
        async with listener:
            await listener.serve_forever()


asyncio.run(main())
