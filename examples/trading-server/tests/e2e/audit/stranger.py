"""Judges an export of an audit trail by somebody who has nothing of this repository: the public formats (C2SP signed-note and
tlog-checkpoint, RFC 6962), the description of the export in docs/AUDIT.md, and the package `cryptography`.

    stranger.py EXPORT VKEY ORIGIN

Prints what it has proven as JSON and ends with 0, or says what is wrong and ends with 1.
"""

import base64
import gzip
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    pass


def expect(holds, complaint):
    if not holds:
        raise Wrong(complaint)


def opened(note, vkey):
    """The text of a signed note, when this key has signed it."""
    name, hex_id, material = vkey.split("+", 2)
    material = base64.b64decode(material, validate=True)
    expect(len(material) == 33 and material[0] == 1, "the key is not an Ed25519 key")
    identifier = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    expect(identifier.hex() == hex_id, "the key's id is not its own")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and blob[:4] == identifier:
            try:
                Ed25519PublicKey.from_public_bytes(material[1:]).verify(blob[4:], text.encode())
            except InvalidSignature:
                raise Wrong("the checkpoint was not signed by this key") from None
            return text
    raise Wrong("the checkpoint has no signature by this key")


def root_from(leaf, index, size, path):
    """Where an inclusion proof leads (RFC 6962, section 2.1.1)."""
    expect(0 <= index < size, "there is no such position in the tree")
    if size == 1:
        expect(not path, "the proof is too long")
        return leaf
    expect(path, "the proof is too short")
    left_size = 1 << (size - 1).bit_length() - 1
    if index < left_size:
        pair = root_from(leaf, index, left_size, path[:-1]) + path[-1]
    else:
        pair = path[-1] + root_from(leaf, index - left_size, size - left_size, path[:-1])
    return hashlib.sha256(b"\x01" + pair).digest()


def root_of(leaves):
    """The root of the tree over all leaves (RFC 6962, section 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:left]) + root_of(leaves[left:])).digest()


def leaf_of(entry):
    return hashlib.sha256(b"\x00" + entry.encode()).digest()


def judge(path, vkey, origin):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        raw = file.read().splitlines(keepends=True)
    lines = [json.loads(line) for line in raw]
    manifest, body, end = lines[0], lines[1:-1], lines[-1]
    expect(manifest["kind"] == "manifest", "the export does not begin with its manifest")
    expect(end["kind"] == "end", "the export is cut off")
    digest = hashlib.sha256(b"".join(raw[:-1])).hexdigest()
    expect(end["sha256"] == digest, "the export is not the one that its end tells of")

    name, size, root = opened(manifest["checkpoint"], vkey).split("\n")[:3]
    size, root = int(size), base64.b64decode(root, validate=True)
    expect(name == origin == manifest["origin"], "the checkpoint is another log's")
    expect(size == manifest["size"], "the manifest tells of another tree")

    events = [line for line in body if line["kind"] == "event"]
    for event in events:
        entry = json.loads(event["entry"])
        spelled = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expect(spelled == event["entry"], "an entry is not spelled canonically")
        expect(origin.endswith("/audit/" + entry["tenant_id"]), "an entry is another tenant's")
    if manifest["selection"] == "selected":
        for event in events:
            proof = [base64.b64decode(node, validate=True) for node in event["proof"]]
            proven = root_from(leaf_of(event["entry"]), event["seq"], size, proof)
            expect(proven == root, f"event {event['seq']} is not in the tree")
    else:
        places = [line for line in body if line["kind"] in ("event", "leaf")]
        expect([line["seq"] for line in places] == list(range(manifest["first_seq"], size)), "a position is missing")
        expect(manifest["first_seq"] == 0, "only exports from the first event on are judged here")
        leaves = [
            leaf_of(line["entry"]) if line["kind"] == "event" else base64.b64decode(line["leaf"], validate=True)
            for line in places
        ]
        expect(root_of(leaves) == root, "the events do not make up the tree that was signed")
    expect(end["events"] == len(events), "events are missing")
    actions = [json.loads(event["entry"])["action"] for event in events]
    return {"size": size, "events": len(events), "actions": actions}


try:
    print(json.dumps(judge(*sys.argv[1:4])))
except (Wrong, ValueError, KeyError, IndexError) as wrong:
    print(f"{type(wrong).__name__}: {wrong}", file=sys.stderr)
    sys.exit(1)
