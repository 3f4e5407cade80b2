"""Drives a Vault with hvac: KV v2, transit, AppRole and tokens, as a client of real servers does.

Usage: hvac_vault.py <address> <token> <kv mount> <transit mount> <approle mount> <role id> <secret id>
"""

import base64
import sys

import hvac

address, token, kv_mount, transit_mount, role_mount, role_id, secret_id = sys.argv[1:]


def refused(kind, call, *args, **kwargs):
    """Asserts that the call is refused with this kind of error, and gives its message."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f"{call.__name__} was not refused")


def b64(data):
    return base64.b64encode(data).decode()


root = hvac.Client(url=address, token=token)
assert root.is_authenticated()
assert not hvac.Client(url=address, token="hvs.nobody").is_authenticated()

# KV v2: versions, check-and-set, delete, undelete, destroy.
kv = root.secrets.kv.v2
read = kv.read_secret_version("from/rust", mount_point=kv_mount, raise_on_deleted_version=True)
assert read["data"]["data"] == {"text": "grün 🔑"} and read["data"]["metadata"]["version"] == 1
for version, text in [(0, "first"), (1, "grün 🔑")]:
    kv.create_or_update_secret("from/python", {"text": text}, cas=version, mount_point=kv_mount)
message = refused(hvac.exceptions.InvalidRequest, kv.create_or_update_secret, "from/python", {}, cas=1, mount_point=kv_mount)
assert "check-and-set parameter did not match the current version" in message, message
old = kv.read_secret_version("from/python", version=1, mount_point=kv_mount, raise_on_deleted_version=True)
assert old["data"]["data"] == {"text": "first"}
kv.delete_secret_versions("from/python", [1], mount_point=kv_mount)
refused(
    hvac.exceptions.InvalidPath, kv.read_secret_version, "from/python", version=1, mount_point=kv_mount, raise_on_deleted_version=True
)
hidden = kv.read_secret_version("from/python", version=1, mount_point=kv_mount, raise_on_deleted_version=False)
assert hidden["data"]["data"] is None and hidden["data"]["metadata"]["deletion_time"]
kv.undelete_secret_versions("from/python", [1], mount_point=kv_mount)
assert kv.read_secret_version("from/python", version=1, mount_point=kv_mount, raise_on_deleted_version=True)
kv.destroy_secret_versions("from/python", [1], mount_point=kv_mount)
metadata = kv.read_secret_metadata("from/python", mount_point=kv_mount)["data"]
assert metadata["current_version"] == 2 and metadata["versions"]["1"]["destroyed"] and not metadata["versions"]["2"]["destroyed"]
assert kv.list_secrets("from/", mount_point=kv_mount)["data"]["keys"] == ["python", "rust"]
refused(hvac.exceptions.InvalidPath, kv.read_secret_metadata, "from/nobody", mount_point=kv_mount)

# Transit: derived keys, associated data, rotation, the least version, data keys.
transit = root.secrets.transit
transit.create_key("python", derived=True, key_type="aes256-gcm96", mount_point=transit_mount)
assert transit.read_key("python", mount_point=transit_mount)["data"]["derived"]
here, there, plain = b64(b"here"), b64(b"there"), b64(b"a key of 32 bytes, as it happens")


def encrypt(**more):
    return transit.encrypt_data("python", plain, context=here, mount_point=transit_mount, **more)["data"]["ciphertext"]


def decrypt(ciphertext, context=here, **more):
    answer = transit.decrypt_data("python", ciphertext, context=context, mount_point=transit_mount, **more)
    return answer["data"]["plaintext"]


first = encrypt()
assert first.startswith("vault:v1:") and decrypt(first) == plain and first != encrypt()
assert "authentication failed" in refused(hvac.exceptions.InvalidRequest, decrypt, first, context=there)
refused(hvac.exceptions.InvalidRequest, transit.encrypt_data, "python", plain, mount_point=transit_mount)
bound = encrypt(associated_data=b64(b"row 1"))
assert decrypt(bound, associated_data=b64(b"row 1")) == plain
refused(hvac.exceptions.InvalidRequest, decrypt, bound, associated_data=b64(b"row 2"))
refused(hvac.exceptions.InvalidRequest, decrypt, bound)
transit.rotate_key("python", mount_point=transit_mount)
second = transit.rewrap_data("python", first, context=here, mount_point=transit_mount)["data"]["ciphertext"]
assert second.startswith("vault:v2:") and decrypt(second) == plain and decrypt(first) == plain
refused(hvac.exceptions.InvalidRequest, transit.rewrap_data, "python", bound, context=here, mount_point=transit_mount)
transit.update_key_configuration("python", min_decryption_version=2, mount_point=transit_mount)
assert "too old" in refused(hvac.exceptions.InvalidRequest, decrypt, first) and decrypt(second) == plain
made = transit.generate_data_key("python", "plaintext", context=here, mount_point=transit_mount)["data"]
assert decrypt(made["ciphertext"]) == made["plaintext"] and len(base64.b64decode(made["plaintext"])) == 32

# AppRole and tokens: a login, what its policy opens, renewal, and the end.
service = hvac.Client(url=address)
refused(hvac.exceptions.InvalidRequest, service.auth.approle.login, role_id, "guessed", mount_point=role_mount)
login = service.auth.approle.login(role_id, secret_id, mount_point=role_mount)["auth"]
assert login["renewable"] and login["lease_duration"] == 3600
assert service.secrets.kv.v2.read_secret_version("from/rust", mount_point=kv_mount, raise_on_deleted_version=True)
refused(hvac.exceptions.Forbidden, service.secrets.transit.rotate_key, "platform", mount_point=transit_mount)
assert service.auth.token.renew_self()["auth"]["client_token"] == login["client_token"]
assert service.auth.token.lookup_self()["data"]["ttl"] == 3600
service.auth.token.revoke_self()
assert not service.is_authenticated()

print("hvac: all well")
