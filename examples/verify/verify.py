"""python verify.py NETWORK FILE: is this answer, or answer with proof, signed by the network with this id? See spec/report.md and spec/proof.md."""
import json, re, sys
from datetime import datetime, timezone
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_bytes

HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # half of the group's order: a high s is refused

def stop(why):
    sys.exit(print(why, file=sys.stderr) or 2)

if len(sys.argv) != 3 or not re.fullmatch("0x[0-9a-f]{64}", sys.argv[1]):
    stop("usage: python verify.py NETWORK FILE, where NETWORK is 0x and 64 hex digits in lower case")
expected, file = sys.argv[1:]

def must(holds, why):
    if not holds:
        sys.exit(print(f"INVALID {why}", file=sys.stderr) or 3)

def abi(types, *values):
    return keccak(encode(types.split(), values))

# What stands where; a question mark: it may be missing. No name stands twice, and numbers are whole and written so.
def matching(pattern):
    return lambda v: type(v) is str and re.fullmatch(pattern, v) is not None

def whole(v, below=1 << 64):
    return type(v) is int and 0 <= v < below

text, hashed, address, signature = matching("(?s:.*)"), matching("0x[0-9a-f]{64}"), matching("0x[0-9a-f]{40}"), matching("0x[0-9a-f]{130}")
int192 = matching("0|-?[1-9][0-9]{0,57}")
NETWORK, QUORUM = {"name": text, "first": hashed}, {"scheme": text, "k": whole, "members": [address], "key?": text}
ANSWER = {
    "network": NETWORK, "quorum": QUORUM, "feed": {"name": text, "kind": matching("number|bool|enum"), "unit": text, "decimals": lambda v: whole(v, 58), "labels?": [text]},
    "attestation": {"report": {"feed": hashed, "round": whole, "value": int192}, "observed": hashed, "signatures": [signature]},
}
EVIDENCE = {
    "answer": ANSWER, "proof": {"leaf": {"kind": whole, "feed": hashed, "round": whole, "value": int192, "observed": hashed}, "path": [hashed]}, "history?": lambda v: type(v) is dict,
    "anchored": {"network": NETWORK, "quorum": QUORUM, "anchor": {"root": hashed, "previous": hashed, "from": whole, "to": whole, "count": whole}, "signatures": [signature]},
}

def formed(v, form):
    if callable(form):
        return form(v)
    if type(form) is list:
        return type(v) is list and all(formed(item, form[0]) for item in v)
    inside = {name.rstrip("?"): f for name, f in form.items()}
    return type(v) is dict and all(name in v for name in form if name[-1] != "?") and all(name in inside and formed(part, inside[name]) for name, part in v.items())

def once(pairs):  # the members of an object; it is none if a name stands twice
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None

def integer(digits):  # none has so many digits, or is less than nothing
    return int(digits) if len(digits) < 21 and digits != "-0" else None

def signed(by, network, kind, fields, message):  # k members of the network's quorum, ascending, signed this
    quorum, signatures = by["quorum"], [to_bytes(hexstr=s) for s in by["signatures"]]
    must(quorum["scheme"] == "ecdsa" and abi("uint8 uint256 address[]", 1, quorum["k"], quorum["members"]) == to_bytes(hexstr=network["first"]), "quorum")
    must(abi("string bytes32", network["name"], to_bytes(hexstr=network["first"])).hex() == expected.removeprefix("0x"), "network")
    types = {kind: [dict(zip(("type", "name"), f.split())) for f in fields.split(", ")]}
    typed = encode_typed_data({"name": "Dodona", "version": "1", "salt": to_bytes(hexstr=expected)}, types, message)
    must(all(len(s) == 65 and int.from_bytes(s[32:64]) <= HALF and s[64] in (27, 28) for s in signatures), "signature")
    signers = [Account.recover_message(typed, signature=s).lower() for s in signatures]
    must(signers == sorted(set(signers)) and set(signers) <= set(quorum["members"]) and len(signers) >= quorum["k"], "signature")

def check(given):
    evidence = isinstance(given, dict) and not given.keys().isdisjoint(("answer", "proof", "anchored", "history"))
    must(formed(given, EVIDENCE if evidence else ANSWER), "form: it is not built as an answer or its proof is")
    answer = given.get("answer", given)
    network, feed, report = answer["network"], answer["feed"], answer["attestation"]["report"]
    identity = abi("string string string uint8 bytes32", feed["name"], feed["kind"], feed["unit"], feed["decimals"], abi("string[]", feed.get("labels", [])))
    must("0x" + identity.hex() == report["feed"], "feed")
    signed(answer["attestation"] | answer, network, "Report", "bytes32 feed, uint64 round, int192 value", report | {"value": int(report["value"])})
    if "anchored" in given:
        leaf, anchor, window = given["proof"]["leaf"], given["anchored"]["anchor"], given["anchored"]
        must(leaf["kind"] in (1, 3) and leaf | report == leaf and leaf["observed"] == answer["attestation"]["observed"], "leaf")
        must(anchor["count"] > 0 and (anchor["from"] <= leaf["round"] < anchor["to"] if leaf["kind"] == 1 else leaf["round"] < anchor["from"] < anchor["to"]), "anchor")
        node = keccak(abi("uint8 bytes32 uint64 int192 bytes32", leaf["kind"], to_bytes(hexstr=leaf["feed"]), leaf["round"], int(leaf["value"]), to_bytes(hexstr=leaf["observed"])))
        for sibling in given["proof"]["path"]:
            node = keccak(b"".join(sorted([node, to_bytes(hexstr=sibling)])))
        must("0x" + node.hex() == anchor["root"], "path")
        signed(window, window["network"], "Anchor", "bytes32 root, bytes32 previous, uint64 from, uint64 to, uint64 count", anchor)
    when = datetime.fromtimestamp(report["round"] / 1000, timezone.utc).isoformat()
    print(f"valid: {feed['name']} = {report['value']} / 10^{feed['decimals']} {feed['unit']}, {when}" + (", under a signed root" if "anchored" in given else ""))

try:
    with open(file, encoding="utf-8-sig") as opened:
        given = json.load(opened, object_pairs_hook=once, parse_int=integer)
except (OSError, ValueError, RecursionError) as why:
    stop(f"read {file}: {why}")
if isinstance(given, dict) and given.get("title") and given.get("detail"):
    stop(f"{file}: no evidence, neither valid nor invalid: the node says: " + "".join(c if c.isprintable() else "?" for c in str(given["detail"])[:999]))
if isinstance(given, dict) and given.get("gap"):
    stop(f"{file}: a gap, the proof that a round has no answer: dodona verify judges it")
try:
    check(given)
except Exception:
    must(False, "form: it is not built as an answer or its proof is")
