"""Checks a proof of an event from the published formats alone: C2SP signed-note, tlog-checkpoint, tlog-proof, RFC 6962.

Reads JSON from standard input, writes JSON to standard output. Needs the package `cryptography` and nothing of this repository.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def verify_note(note, vkey):
    name, hex_id, material = vkey.split("+", 2)
    material = base64.b64decode(material, validate=True)
    assert material[0] == 1 and len(material) == 33
    public = material[1:]
    assert key_id(name, public).hex() == hex_id
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, encoded = line.split(" ")
        blob = base64.b64decode(encoded, validate=True)
        if dash == "\u2014" and signer == name and blob[:4].hex() == hex_id:
            Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], text.encode())
            return text
    raise InvalidSignature


def path_root(leaf, index, size, path):
    """The recursion of RFC 6962, section 2.1.1, from the root downwards."""
    if size == 1:
        assert not path
        return leaf
    k = 1
    while k * 2 < size:
        k *= 2
    if index < k:
        left, right = path_root(leaf, index, k, path[:-1]), path[-1]
    else:
        left, right = path[-1], path_root(leaf, index - k, size - k, path[:-1])
    return hashlib.sha256(b"\x01" + left + right).digest()


def check(case):
    lines, note = case["proof"].split("\n\n", 1)
    header, index, *path = lines.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    index = int(index.removeprefix("index "))
    origin, size, root = verify_note(note, case["vkey"]).split("\n")[:3]
    assert origin == case["origin"]
    leaf = hashlib.sha256(b"\x00" + case["entry"].encode()).digest()
    path = [base64.b64decode(line, validate=True) for line in path]
    assert path_root(leaf, index, int(size), path) == base64.b64decode(root)
    # The entry is in its one spelling: sorted, without blanks, not escaped.
    entry = json.loads(case["entry"])
    assert json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == case["entry"]


def sign(name, seed, text):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identifier = key_id(name, public)
    material = base64.b64encode(b"\x01" + public).decode()
    signature = base64.b64encode(identifier + key.sign(text.encode())).decode()
    return {
        "vkey": f"{name}+{identifier.hex()}+{material}",
        "skey": f"PRIVATE+KEY+{name}+{identifier.hex()}+{base64.b64encode(bytes([1]) + bytes.fromhex(seed)).decode()}",
        "note": f"{text}\n\u2014 {name} {signature}\n",
    }


request = json.load(sys.stdin)
for case in request["cases"]:
    check(case)
json.dump(sign(**request["sign"]), sys.stdout)
