"""python bundle.py TRUST BUNDLE [ANSWER]: who signed the value of this bundle, and over which readings? See spec/bundle.md.

TRUST is the network's id (0x and 64 hex digits), or all its members (0x and 40 hex digits each, commas between); ANSWER is an answer of the same round.
Exit code 0: what is proved, line by line. 3: INVALID, what is wrong and where. 2: not called so, or a file cannot be read."""
import base64, hashlib, json, re, sys
from datetime import datetime, timezone
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # half of the group's order: a high s is refused
MOST, DEEPEST = 64 << 20, 64  # bytes of a file, and how deep arrays and objects may stand in each other
UNTIMED = -62135596800000  # a reading whose device says no time: the milliseconds of year 1


def stop(why):
    sys.exit(print(why, file=sys.stderr) or 2)


def must(holds, why):
    if not holds:
        sys.exit(print(f"INVALID {why}", file=sys.stderr) or 3)


# JSON, strictly: no name twice, nothing behind it, and numbers as they are written, for the digest of the rules is over their text.


class Number(str):
    pass


TOKEN = re.compile(r'[ \t\n\r]*(?:("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)|([][{},:]))', re.ASCII)
WORDS = {"true": True, "false": False, "null": None}


def parse(text, what):
    at = 0

    def bad(why):
        must(False, f"form: {what}: {why} at character {at}")

    def token():
        nonlocal at
        found = TOKEN.match(text, at)
        if not found:
            bad("it is cut short" if not text[at:].strip(" \t\n\r") else "this is no JSON")
        at = found.end()
        return found

    def value(found, depth):
        if found[1]:
            said = json.loads(found[1])
            try:
                said.encode()
            except UnicodeError:
                bad("half a character (an unpaired surrogate)")
            return said
        if found[2]:
            return Number(found[2])
        if found[3]:
            return WORDS[found[3]]
        if found[4] not in "[{":
            bad(f"{found[4]} stands where a value belongs")
        if depth == DEEPEST:
            bad(f"arrays and objects more than {DEEPEST} deep")
        closing, whole = ("]", []) if found[4] == "[" else ("}", {})
        part = token()
        while part[4] != closing:
            if closing == "}":
                if not part[1]:
                    bad("a name belongs here")
                name = value(part, depth)
                if name in whole:
                    bad(f"the name {json.dumps(name)[:60]} stands twice")
                if token()[4] != ":":
                    bad("a colon belongs here")
                whole[name] = value(token(), depth + 1)
            else:
                whole.append(value(part, depth + 1))
            part = token()
            if part[4] == ",":
                part = token()
                if part[4] == closing:
                    bad("a comma too many")
            elif part[4] != closing:
                bad(f"a comma or {closing} belongs here")
        return whole

    document = value(token(), 0)
    if text[at:].strip(" \t\n\r"):
        bad("something follows the document")
    return document


def read(path):
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST + 1)
    except OSError as why:
        stop(f"read {path}: {why.strerror}")
    must(len(raw) <= MOST, f"form: {path}: more than {MOST >> 20} MiB, which no bundle has")
    try:
        return parse(raw.decode().removeprefix("\ufeff"), path)  # a mark in front, which some editors write
    except UnicodeDecodeError as why:
        must(False, f"form: {path}: not UTF-8 at byte {why.start}")


ESCAPED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical(value):  # the text that rules are digested in: no white space, members in the order in which they stand
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return '"' + re.sub("[\x00-\x1f\"\\\\<>&\u2028\u2029]", lambda m: ESCAPED.get(m[0]) or f"\\u{ord(m[0]):04x}", value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(canonical(name) + ":" + canonical(member) for name, member in value.items()) + "}"
    return {True: "true", False: "false", None: "null"}[value]


# What stands where in a bundle and in an answer. A question mark: it may be missing.


def integer(least, below):
    return lambda v: isinstance(v, Number) and re.fullmatch("0|-?[1-9][0-9]{0,19}", v) and least <= int(v) < below


def matching(pattern):
    return lambda v: isinstance(v, str) and not isinstance(v, Number) and re.fullmatch(pattern, v)


def scaled(v):  # an int192 as text
    return matching("0|-?[1-9][0-9]{0,57}")(v) and -(1 << 191) <= int(v) < 1 << 191


def printed(least):
    return lambda v: text(v) and least <= len(v.encode()) <= 255 and all(c.isprintable() or c == " " for c in v)


def bytes64(v):  # null is no bytes, too
    if v is None:
        return True
    try:
        return text(v) and base64.b64encode(base64.b64decode(v, validate=True)).decode() == v
    except ValueError:
        return False


def some64(v):
    return v not in (None, "") and bytes64(v)


TIME = "([0-9]{4})(-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2})(?:\\.([0-9]{1,9}))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"


def instant(v):
    try:
        return matching(TIME)(v) and millis(v) is not None
    except ValueError:
        return False


def millis(v):  # rounded down
    return exact(v) // 1000000


def exact(v):  # the nanosecond, wherever it was written
    year, rest, fraction, zone = re.fullmatch(TIME, v).groups()
    after = 400 * (year == "0000")  # which datetime does not know; the calendar is the same after 400 years, 146097 days
    seconds = datetime.fromisoformat(f"{int(year) + after:04}{rest}{zone.replace('Z', '+00:00')}") - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return ((seconds.days - 146097 * (after > 0)) * 86400 + seconds.seconds) * 1000000000 + int((fraction or "").ljust(9, "0"))


def text(v):
    return isinstance(v, str) and not isinstance(v, Number)


def anything(v):
    return True


def tied(v):
    return isinstance(v, dict)


hash32, address, signature = matching("0x[0-9a-f]{64}"), matching("0x[0-9a-f]{40}"), matching("0x[0-9a-f]{130}")
quality, uint64 = matching("good|uncertain|bad"), integer(0, 1 << 64)
name = matching(r"[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){0,15}")
FEED = {"name": name, "kind": matching("number|bool|enum"), "unit": printed(0), "decimals": integer(0, 58), "labels?": [printed(1)]}
NETWORK = {"name": printed(1), "first": hash32}
ORIGIN = {"version": hash32, "rules": hash32, "readingsRoot": hash32}
REF = {"digest": hash32, "item?": text, "received": instant, "size": uint64, "detail?": text, "salt": hash32}
POINT = {"id": text, "value": text, "unit?": text, "time?": instant, "quality": quality, "reason?": text}
BUNDLE = {
    "feed": FEED, "round": uint64, "node": text, "rules": anything, "points?": [POINT], "fuel?": uint64, "transcript?": some64, "state?": tied, "shadow?": tied,
    "inputs": [{"source": text, "point": text, "status": text, "reason?": text, "value?": text, "time?": instant, "readings?": [REF]}],
    "quality": quality, "value?": scaled, "missed?": text, "origin?": ORIGIN, "tookMs": integer(-(1 << 63), 1 << 63),
    "readings?": [{"source": text, "item": text, "body": bytes64, "contentType?": text, "sourceTime?": instant, "received": instant, "quality": quality, "detail?": text}],
    "observation?": {"feed": hash32, "name": name, "round": uint64, "value": scaled, "origin": ORIGIN, "signer": address, "signature": signature},
    "network?": NETWORK, "module?": some64, "transcriptSalt?": hash32,
}
ANSWER = {
    "network": NETWORK, "quorum": {"scheme": text, "k": integer(0, 129), "members": [address], "key?": text}, "feed": FEED,
    "attestation": {"report": {"feed": hash32, "round": uint64, "value": scaled}, "observed": hash32, "signatures": [signature]},
}


def formed(value, form, at):
    if isinstance(form, list):
        must(isinstance(value, list), f"form: {at} is no array")
        for i, item in enumerate(value):
            formed(item, form[0], f"{at}[{i}]")
    elif isinstance(form, dict):
        must(isinstance(value, dict), f"form: {at} is no object")
        for field in form:
            must(field.endswith("?") or field in value, f"form: {at} has no {field}")
        for field, member in value.items():
            must(field in form or field + "?" in form, f"form: {at} has the field {json.dumps(field)[:60]}, which is unknown")
            if member is not None or field != "inputs":  # none of these may be null, too
                formed(member, form.get(field) or form[field + "?"], f"{at}.{field}")
    else:
        must(form(value), f"form: {at} is not as it must be: {json.dumps(value)[:60]}")


# Identities and signatures, as spec/report.md has them.


def plain(hexes):
    return bytes.fromhex(hexes[2:])


def plain64(v):
    return base64.b64decode(v or "")


def abi(types, *values):
    return keccak(encode(types.split(), values))


def feed_id(feed):
    return abi("string string string uint8 bytes32", feed["name"], feed["kind"], feed["unit"], int(feed["decimals"]), abi("string[]", feed.get("labels", [])))


def network_id(network):
    return abi("string bytes32", network["name"], plain(network["first"]))


def typed(network, kind, fields, message):
    types = {kind: [dict(zip(("type", "name"), f.split())) for f in fields.split(", ")]}
    return encode_typed_data({"name": "Dodona", "version": "1", "salt": network}, types, message)


def digest(signable):
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def recovered(signable, signed):
    s = plain(signed)
    if int.from_bytes(s[32:64]) > HALF or s[64] not in (27, 28):
        return ""
    try:
        return Account.recover_message(signable, signature=s).lower()
    except Exception:  # of several libraries: r or s that cannot be
        return ""


def reading_digest(r):
    said = [keccak(text.encode()) for text in (r["source"], r["item"], r.get("contentType", ""))]
    times = millis(r["sourceTime"]) if "sourceTime" in r else UNTIMED, millis(r["received"])
    return abi("bytes32 bytes32 bytes32 int64 int64 uint8 bytes32", *said, *times, ["good", "uncertain", "bad"].index(r["quality"]), keccak(plain64(r["body"])))


def tree(leaves):
    if not leaves:
        return bytes(32)
    nodes = [b""] * (len(leaves) - 1) + sorted(leaves, reverse=True)
    for i in reversed(range(len(leaves) - 1)):
        nodes[i] = keccak(b"".join(sorted(nodes[2 * i + 1 : 2 * i + 3])))
    return nodes[0]


# The steps, in order. Each says what must hold, and what does not.


def program(b):
    rules, origin = b["rules"], b["origin"]
    must(isinstance(rules, dict) and isinstance(rules.get("feed"), dict), "rules: they are of no feed")
    must("0x" + keccak(canonical(rules).encode()).hex() == origin["rules"], "rules: origin.rules is of other ones")
    must(rules["feed"] == b["feed"], f"feed: the rules are of the feed {json.dumps(rules['feed'].get('name'))[:60]}, as another one")
    made = hashlib.sha256(plain64(b["module"])).digest() if "module" in b else keccak(canonical(rules.get("extraction")).encode())
    must("0x" + made.hex() == origin["version"], f"version: origin.version is of {'another module' if 'module' in b else 'other rules of extraction, or of a module that is not here'}")


def told(ref):  # what an input says of a reading
    return ref.get("item", ""), exact(ref["received"]), ref["size"], ref.get("detail", ""), ref["salt"]


def evidence(b):
    named, leaves = {}, []
    for i, given in enumerate(b["inputs"] or []):
        for j, ref in enumerate(given.get("readings", [])):
            at = f"inputs[{i}].readings[{j}]"
            before, source, _ = named.setdefault(ref["digest"], (ref, given["source"], at))
            must(source == given["source"] and told(before) == told(ref), f"readings: {at} is named twice, and not alike")
    carried = set()
    for i, r in enumerate(b.get("readings", [])):
        d, at = "0x" + reading_digest(r).hex(), f"readings[{i}] of {json.dumps(r['source'])[:60]}"
        must(d in named, f"readings: no input names {at}: its bytes, its times or its place were changed, or it was added")
        must(d not in carried, f"readings: {at} stands twice")
        carried.add(d)
        ref, source, there = named[d]
        same = source == r["source"] and ref.get("item", "") == r["item"] and exact(ref["received"]) == exact(r["received"]) and ref.get("detail", "") == r.get("detail", "")
        must(same and int(ref["size"]) == len(plain64(r["body"])), f"readings: {there} says something else than {at}")
        leaves.append(keccak(plain(ref["salt"]) + plain(d)))
    for d, (_, source, at) in named.items():
        must(d in carried, f"readings: what {at} of {json.dumps(source)[:60]} names is missing")
    must(("transcriptSalt" in b) == bool(b.get("transcript")), "readings: a transcript and its salt belong together")
    if "transcriptSalt" in b:
        whole = {"source": "", "item": "transcript", "sourceTime": "0001-01-01T00:00:00Z", "received": "0001-01-01T00:00:00Z", "quality": "good", "body": b["transcript"]}
        leaves.append(keccak(plain(b["transcriptSalt"]) + reading_digest(whole)))
    must("0x" + tree(leaves).hex() == b["origin"]["readingsRoot"], "root: a salt was changed, or a reading was added or taken away")


def observed(b):  # the digest that the node signed, and who it was
    o = b["observation"]
    for field in ("round", "value", "origin"):
        must(o[field] == b[field], f"observation: it is of another {field} than the bundle")
    must(o["name"] == b["feed"]["name"] and o["feed"] == "0x" + feed_id(b["feed"]).hex(), "observation: it is of another feed than the bundle")
    parts = [plain(o["origin"][part]) for part in ("version", "rules", "readingsRoot")]
    origin = abi("bytes32 bytes32", abi("bytes32 bytes32", *parts[:2]), parts[2])
    message = {"feed": plain(o["feed"]), "round": int(o["round"]), "value": int(o["value"]), "origin": origin}
    signable = typed(network_id(b["network"]), "Observation", "bytes32 feed, uint64 round, int192 value, bytes32 origin", message)
    must(recovered(signable, o["signature"]) == o["signer"], f"signature: {o['signer']} did not sign this observation, of this network")
    return digest(signable), o["signer"]


def quorum_of(first, members):  # k of the quorum of these members that has the digest; k of n that is allowed
    least = (len(members) + (len(members) - 1) // 3) // 2 + 1
    return next((k for k in range(least, len(members) + 1) if "0x" + abi("uint8 uint256 address[]", 1, k, members).hex() == first), None)


def attested(b, a, observation, signer):  # what else the answer proves
    must(a["network"] == b["network"] and a["feed"] == b["feed"], "answer: it is of another network or feed than the bundle")
    report, quorum = a["attestation"]["report"], a["quorum"]
    must(quorum["scheme"] == "ecdsa" and "key" not in quorum and quorum_of(b["network"]["first"], quorum["members"]) == int(quorum["k"]),
         "answer: its quorum is not the first one of the network (quorums of the scheme frost, and networks that have rotated, are for dodona verify)")
    must(report["feed"] == b["observation"]["feed"] and report["round"] == b["round"], "answer: it is of another feed or round than the bundle")
    message = {"feed": plain(report["feed"]), "round": int(report["round"]), "value": int(report["value"])}
    signable = typed(network_id(a["network"]), "Report", "bytes32 feed, uint64 round, int192 value", message)
    signers = [recovered(signable, s) for s in a["attestation"]["signatures"]]
    must(signers == sorted(set(signers)) and set(signers) <= set(quorum["members"]) and len(signers) >= int(quorum["k"]), "answer: it is not signed by enough members, each once and in order")
    if len(quorum["members"]) > 1:
        said = "the same value" if report["value"] == b["value"] else f"another value, {shown(a['feed'], report['value'])}"
        return f"{len(signers)} of {len(quorum['members'])} members signed {said} as the answer; which observations it came from, this bundle alone cannot say"
    must(report["value"] == b["value"], "answer: it is of another value than the bundle")
    must(a["attestation"]["observed"] == "0x" + abi("address[] bytes32[]", [signer], [observation]).hex(), "answer: it came from another observation")
    return "the answer came from this observation, and the quorum, which is that member, signed it"


def members_of(trust, b, answer):  # who may speak for the network that the caller trusts
    network, signer = b["network"], b["observation"]["signer"]
    if trust[0].startswith("0x") and len(trust[0]) == 66:
        there = "0x" + network_id(network).hex()
        must(there == trust[0], f"network: the bundle is of {json.dumps(network['name'])}, {there}")
        members = answer["quorum"]["members"] if answer else [signer]
        why = "the quorum of the answer is not the first one of this network" if answer else f"{signer} is not its only member; if it has several, name them all as TRUST, or give an answer too"
    else:
        members, why = sorted(trust), "these members did not found the network that the bundle names"
    must(0 < len(members) <= 128 and members == sorted(set(members)) and quorum_of(network["first"], members), f"quorum: {why}")
    must(signer in members, f"member: {signer} signed it, who is no member of the network")
    return members


def shown(feed, value):
    if feed["kind"] != "number":
        return (feed.get("labels", []) if feed["kind"] == "enum" else ["false", "true"])[int(value)]
    digits, decimals = value.lstrip("-").rjust(int(feed["decimals"]) + 1, "0"), int(feed["decimals"])
    return "-" * value.startswith("-") + digits[: len(digits) - decimals] + ("." + digits[-decimals:] if decimals else "") + (" " + feed["unit"]) * bool(feed["unit"])


def possible(b):  # what no digest says: the feed can have such a value
    kind, labels, value = b["feed"]["kind"], b["feed"].get("labels", []), int(b["value"])
    must(kind == "number" or b["feed"]["decimals"] == "0", "feed: it has decimals, and is no number")
    must(len(set(labels)) == len(labels) <= 1024 and bool(labels) == (kind == "enum"), "feed: an enum has distinct labels, and nothing else has any")
    must(kind == "number" or 0 <= value < (len(labels) or 2), "value: this feed cannot have it")
    must(0 < int(b["round"]) < 253402300800000, "value: there is no such round")


def main(trust, bundle, answer=None):
    b = read(bundle)
    formed(b, BUNDLE, "bundle")
    must("observation" in b and "network" in b and "value" in b and "origin" in b, "observation: nobody signed this round" + (f"; it was missed: {json.dumps(b['missed'])[:200]}" if "missed" in b else ""))
    must("missed" not in b, "value: there is one, and a reason why there is none")
    a = None
    if answer is not None:
        a = read(answer)
        a = a["answer"] if isinstance(a, dict) and "answer" in a else a
        formed(a, ANSWER, "answer")
    possible(b)
    program(b)
    evidence(b)
    observation, signer = observed(b)
    members = members_of(trust, b, a)
    more = attested(b, a, observation, signer) if a else ""
    who = "the only member" if len(members) == 1 else f"one of {len(members)} members"
    count, size = len(b.get("readings", [])), sum(len(plain64(r["body"])) for r in b.get("readings", []))
    when = datetime.fromtimestamp(int(b["round"]) // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + (f".{int(b['round']) % 1000:03}Z" if int(b["round"]) % 1000 else "Z")
    print(f"valid: {b['feed']['name']} = {shown(b['feed'], b['value'])}, round {b['round']} ({when})")
    print(f"proved: {signer}, {who} of network \"{b['network']['name']}\", signed that it observed this value")
    print(f"proved: of {'this reading' if count == 1 else f'these {count} readings'}, {size} bytes, and no other, by these rules" + (" and this module" if "module" in b else ""))
    print(f"proved: {more}" if more else "not proved: that the network answered so; give the answer of the round too")
    print("not proved: that the rules give this value of the readings, which dodona replay computes again; and what nobody signs: points, inputs' statuses, words, durations")


if __name__ == "__main__":
    given = sys.argv[1:]
    if len(given) not in (2, 3) or not re.fullmatch("0x[0-9a-f]{64}|0x[0-9a-f]{40}(,0x[0-9a-f]{40})*", given[0]):
        stop("usage: python bundle.py TRUST BUNDLE [ANSWER], where TRUST is the network's id, or its members with commas between, in lower case")
    main(given[0].split(","), *given[1:])
