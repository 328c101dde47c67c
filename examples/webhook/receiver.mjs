// WEBHOOK_SECRET=whsec_… node receiver.mjs PORT FILE: takes what a sink of the kind webhook sends, and appends each answer to FILE once.
import { createServer } from "node:http";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const [port, file] = process.argv.slice(2);
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
const taken = new Set(lines.filter(Boolean).map((line) => JSON.parse(line).id));

const server = createServer(async (request, response) => {
  const say = (status, why = "") => response.writeHead(status).end(why);
  try {
    let body = Buffer.alloc(0); // the bytes as they come: another spelling of the same JSON has another signature
    for await (const part of request) if ((body = Buffer.concat([body, part])).length > 1 << 21) return say(413);
    let answer;
    try { answer = webhook.verify(body.toString(), request.headers); } catch (e) { return say(401, e.message); } // the sink waits until it is mended
    const id = request.headers["webhook-id"];
    if (taken.has(id)) return say(204); // it came before, and our status got lost
    if (request.headers["dodona-topic"] !== "data") return say(204); // an anchor: taken, and of no use here
    const { feed, attestation: { report } } = answer;
    appendFileSync(file, JSON.stringify({ id, feed: feed.name, round: report.round, value: report.value, decimals: feed.decimals }) + "\n");
    taken.add(id);
    say(204); // only now: what got no 2xx comes again
  } catch (e) { say(503, e.message); } // such as a full disk: it comes again, at last once a minute
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
