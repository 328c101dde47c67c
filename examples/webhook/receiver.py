"""WEBHOOK_SECRET=whsec_… python receiver.py PORT FILE: takes what a sink of the kind webhook sends, and appends each answer to FILE once."""
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from standardwebhooks import Webhook, WebhookVerificationError

port, file = sys.argv[1:]
webhook, lock = Webhook(os.environ["WEBHOOK_SECRET"]), Lock()
taken = {json.loads(line)["id"] for line in open(file)} if os.path.exists(file) else set()

class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers["Content-Length"]), 1 << 21))  # as it comes: other spelling, other signature
        try:
            self.say(self.take(body))
        except WebhookVerificationError:
            self.say(401)  # the sink waits until it is mended
        except OSError:
            self.say(503)  # such as a full disk: it comes again, at last once a minute

    def take(self, body):
        answer, id = webhook.verify(body, dict(self.headers)), self.headers["webhook-id"]
        with lock:
            if id in taken or self.headers["dodona-topic"] != "data":
                return 204  # it came before, and our status got lost; or an anchor, of no use here
            feed, report = answer["feed"], answer["attestation"]["report"]
            with open(file, "a") as out:
                print(json.dumps({"id": id, "feed": feed["name"], "round": report["round"], "value": report["value"], "decimals": feed["decimals"]}), file=out)
            taken.add(id)
        return 204  # only now: what got no 2xx comes again

    def say(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
