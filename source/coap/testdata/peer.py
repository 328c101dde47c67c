"""A device with aiocoap: peer.py PORT FILE [IDENTITY KEY]. With an identity it speaks DTLS, on the port after PORT.

/value is what stands in FILE, and can be observed; its Max-Age is 2 s. /slow answers by itself after a second. /big has 10,000 bytes,
/senml is a SenML pack in JSON or CBOR, as it is asked for, /tagged has an ETag.
"""

import asyncio
import sys

import aiocoap
import aiocoap.resource as resource
from aiocoap.credentials import CredentialsMap
from aiocoap.numbers.codes import Code

PORT, FILE = int(sys.argv[1]), sys.argv[2]


class Value(resource.ObservableResource):
    def __init__(self):
        super().__init__()
        self.body = b"{}"

    def look(self):
        try:
            with open(FILE, "rb") as f:
                body = f.read()
        except FileNotFoundError:
            return
        if body and body != self.body:
            self.body = body
            self.updated_state()

    async def render_get(self, request):
        self.look()
        return aiocoap.Message(payload=self.body, content_format=50, max_age=2)


class Slow(resource.Resource):
    async def render_get(self, request):
        await asyncio.sleep(1)
        return aiocoap.Message(payload=b"21.5", content_format=0)


class Big(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=b"x" * 10_000, content_format=0)


class SenML(resource.Resource):
    async def render_get(self, request):
        if request.opt.accept == 112:
            return aiocoap.Message(payload=bytes.fromhex("81a3006174016343656c02f94d60"), content_format=112)
        if request.opt.accept in (None, 110):
            return aiocoap.Message(payload=b'[{"n":"t","u":"Cel","v":21.5}]', content_format=110)
        return aiocoap.Message(code=Code.NOT_ACCEPTABLE)


class Tagged(resource.Resource):
    async def render_get(self, request):
        tag = b"\x01\x02"
        if tag in request.opt.etags:
            return aiocoap.Message(code=Code.VALID, etag=tag)
        return aiocoap.Message(payload=b"4", content_format=0, etag=tag)


async def main():
    site, value = resource.Site(), Value()
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    for name, one in (("value", value), ("slow", Slow()), ("big", Big()), ("senml", SenML()), ("tagged", Tagged())):
        site.add_resource([name], one)
    options = {}
    if len(sys.argv) > 3:
        options["server_credentials"] = CredentialsMap()
        options["server_credentials"].load_from_dict(
            {":one": {"dtls": {"psk": {"ascii": sys.argv[4]}, "client-identity": {"ascii": sys.argv[3]}}}}
        )
        options["transports"] = ["tinydtls_server"]
    await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", PORT), **options)
    print("ready", flush=True)
    while True:
        value.look()
        await asyncio.sleep(0.02)


asyncio.run(main())
