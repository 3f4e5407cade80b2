"""Opens sealed values of version 1 with nothing but the description of the format and the package `cryptography`.

    open_v1.py CORPUS.json

checks every entry of a corpus: it opens to the plaintext that the entry names, with any one byte altered it does not, and at any
other place it does not. Then it seals a value of its own and prints it as a corpus entry, to be opened by the implementation.
"""

import hashlib
import json
import os
import struct
import sys
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = b"platform-crypto/v1"


class Refused(Exception):
    pass


def parts(*parts):
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def derive(key, info):
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def key_id(key):
    return hashlib.sha256(derive(key, PREFIX + b"/key-id")).digest()[:16]


def cipher(key, table, column):
    return AESGCM(derive(key, PREFIX + parts(b"field", table.encode(), column.encode())))


def associated_data(header, tenant, table, column, row):
    place = (uuid.UUID(tenant).bytes, table.encode(), column.encode(), uuid.UUID(row).bytes)
    return PREFIX + parts(header, *place)


def open_sealed(key, place, sealed):
    if len(sealed) < 46 or sealed[0] != 1 or sealed[1] & 0x7F != 1 or sealed[2:18] != key_id(key):
        raise Refused
    header, nonce, body = sealed[:18], sealed[18:30], sealed[30:]
    try:
        plain = cipher(key, place["table"], place["column"]).decrypt(nonce, body, associated_data(header, **place))
    except InvalidTag:
        raise Refused from None
    if header[1] & 0x80:
        plain = plain.rstrip(b"\0")
        assert plain[-1:] == b"\x80", "padding ends with a mark"
        plain = plain[:-1]
    return plain


def seal(key, place, plain):
    header = bytes([1, 1]) + key_id(key)
    nonce = os.urandom(12)
    body = cipher(key, place["table"], place["column"]).encrypt(nonce, plain, associated_data(header, **place))
    return header + nonce + body


def refuses(key, place, sealed):
    try:
        open_sealed(key, place, sealed)
    except Refused:
        return True
    return False


def elsewhere(place):
    for name, value in place.items():
        other = str(uuid.uuid4()) if name in ("tenant", "row") else value + "x"
        yield {**place, name: other}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        values = json.load(file)["values"]
    mutations = 0
    for value in values:
        key, sealed = bytes.fromhex(value["key"]), bytes.fromhex(value["sealed"])
        place = {name: value[name] for name in ("tenant", "table", "column", "row")}
        assert open_sealed(key, place, sealed) == bytes.fromhex(value["plain"]), value["name"]
        for at in range(len(sealed)):
            altered = bytearray(sealed)
            altered[at] ^= 1 << at % 8
            assert refuses(key, place, bytes(altered)), (value["name"], at)
            mutations += 1
        for other in elsewhere(place):
            assert refuses(key, other, sealed), (value["name"], other)
            mutations += 1
        assert refuses(bytes(32), place, sealed), value["name"]

    key, plain = os.urandom(32), "sealed elsewhere: Zoë".encode()
    place = {"tenant": str(uuid.uuid4()), "table": "crm.customer", "column": "note", "row": str(uuid.uuid4())}
    own = {"name": "python", "key": key.hex(), **place, "plain": plain.hex(), "sealed": seal(key, place, plain).hex()}
    print(json.dumps({"opened": len(values), "refused": mutations, "own": own}))


main()
