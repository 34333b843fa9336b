"""Reads the keys that Go wrote, checks them, and writes them anew in every
format that Python's cryptography and OpenSSL can write, laid out as the
project's key vectors are, so that Go's vector tests read them back.

usage: keys.py GO_DIR BACK_DIR
"""

import json
import os
import subprocess
import sys

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Key, Signature, SSlibKey

MESSAGE = "a message signed in Python"
PASSWORD = "another p@ssword"
DEVNULL = subprocess.DEVNULL

# OpenSSL's own ways to encrypt PKCS#8.
OPENSSL_PKCS8 = {
    "aes128-sha1": ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
    "aes192-sha224": ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA224"],
    "aes256-sha256": ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"],
    "aes256-sha384": ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384"],
    "aes256-sha512": ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
    "des3": ["-v2", "des-ede3-cbc"],
    "iter": ["-v2", "aes-256-cbc", "-iter", "100000"],
    "scrypt": ["-scrypt"],
    "pbe-md5-des": ["-v1", "PBE-MD5-DES"],
    "pbe-sha1-des": ["-v1", "PBE-SHA1-DES"],
    "pbe-sha1-3des": ["-v1", "PBE-SHA1-3DES"],
}


def openssl(*args: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *args], input=stdin, check=True, stdout=subprocess.PIPE, stderr=DEVNULL).stdout


def read_go_key(directory: str, name: str, entry: dict):
    """Loads one of Go's keys with cryptography and with OpenSSL, checks its id
    and its signature with securesystemslib."""
    path = os.path.join(directory, name)
    password = entry["password"]
    with open(path, "rb") as f:
        pem = f.read()
    private = load_pem_private_key(pem, password.encode() if password else None)
    with open(path + ".pub", "rb") as f:
        public_pem = f.read()
    public = load_pem_public_key(public_pem)
    assert public == private.public_key(), name

    key = SSlibKey.from_crypto(public)
    assert key.keyid == entry["keyid"], (name, key.keyid, entry["keyid"])
    assert key.to_dict() == entry["key"], name
    given = Key.from_dict(entry["keyid"], dict(entry["key"]))
    given.verify_signature(Signature(entry["keyid"], entry["signature"]), entry["message"].encode())

    if entry["key"]["keytype"] == "ml-dsa":
        return private, public_pem  # OpenSSL knows it from 3.5 on, Debian's is older
    passin = ["-passin", "stdin"] if password else []
    shown = openssl("pkey", "-in", path, "-pubout", *passin, stdin=(password or "").encode())
    assert shown == public_pem, name
    return private, public_pem


def python_forms(private) -> dict:
    """The key in every format of cryptography, by name: PEM and password."""
    forms = {}
    kinds = {"pkcs8": PrivateFormat.PKCS8, "traditional": PrivateFormat.TraditionalOpenSSL, "openssh": PrivateFormat.OpenSSH}
    for kind_name, kind in kinds.items():
        for password in (None, PASSWORD):
            encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
            try:
                pem = private.private_bytes(Encoding.PEM, kind, encryption)
            except (ValueError, TypeError):
                continue  # ed25519 has no traditional format
            forms[f"{kind_name}-{'encrypted' if password else 'plain'}"] = (pem, password)
    return forms


def write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def write_python_forms(back: str, name: str, private, public_pem: bytes) -> dict:
    signer = CryptoSigner(private)
    index = {}
    for form, (pem, password) in python_forms(private).items():
        file = f"{name}-{form}"
        write(os.path.join(back, "keys", file), pem)
        write(os.path.join(back, "keys", file + ".pub"), public_pem)
        index[file] = {
            "keyid": signer.public_key.keyid,
            "key": signer.public_key.to_dict(),
            "password": password,
            "message": MESSAGE,
            "signature": signer.sign(MESSAGE.encode()).signature,
        }
    return index


def write_openssl_forms(back: str, name: str, private, public_pem: bytes) -> dict:
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    legacy = ["-provider", "legacy", "-provider", "default"]
    index = {}
    directory = os.path.join(back, "openssl-keys")
    write(os.path.join(directory, name + ".pub"), public_pem)
    for form, args in OPENSSL_PKCS8.items():
        file = f"{name}-{form}"
        pem = openssl("pkcs8", "-topk8", *args, *legacy, "-passout", f"pass:{PASSWORD}", stdin=plain)
        write(os.path.join(directory, file), pem)
        index[file] = {"password": PASSWORD, "public": name + ".pub"}
    der = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", stdin=plain)
    write(os.path.join(directory, name + "-der"), der)
    index[name + "-der"] = {"password": None, "public": name + ".pub"}
    return index


def main() -> None:
    go_dir, back = sys.argv[1:]
    with open(os.path.join(go_dir, "keys.json"), encoding="utf-8") as f:
        entries = json.load(f)
    assert entries, "Go wrote no keys"
    keys_index, openssl_index = {}, {}
    for name, entry in entries.items():
        private, public_pem = read_go_key(go_dir, name, entry)
        if entry["password"] is None:
            keys_index.update(write_python_forms(back, name, private, public_pem))
            if entry["key"]["keytype"] != "ml-dsa":
                openssl_index.update(write_openssl_forms(back, name, private, public_pem))
    for path, index in (("keys/keys.json", keys_index), ("openssl-keys/openssl.json", openssl_index)):
        write(os.path.join(back, path), json.dumps(index, indent=1).encode())
    print(f"Go to Python and OpenSSL: {len(entries)} keys read, ids and signatures agree")
    print(f"Python and OpenSSL to Go: {len(keys_index)} and {len(openssl_index)} keys written")


if __name__ == "__main__":
    main()
