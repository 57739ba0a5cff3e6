"""The independent side of attestations: checks our envelope and makes one of its own.

Run in a virtual environment outside the repository:

    pip install securesystemslib==1.6.0 cryptography==50.0.2
    python peer.py

It reads ours.json, which the test writes when UPDATE_GOLDEN is set and compares otherwise; it
writes theirs.json, which our verifier then verifies, and facts.txt with what it found. It knows
nothing of our code but the public key and the key id.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

HERE = Path(__file__).parent


def key_of(secret):
    """The public key under our key id: the SHA-256 of its 32 bytes."""
    public = secret.public_key().public_bytes_raw()
    key_id = hashlib.sha256(public).hexdigest()
    return SSlibKey(key_id, "ed25519", "ed25519", {"public": public.hex()})


def holds(envelope, key):
    try:
        return list(envelope.verify([key], 1)) == [key.keyid]
    except VerificationError:
        return False


def ours():
    return Envelope.from_dict(json.loads((HERE / "ours.json").read_text()))


# Seeds of 32 equal bytes, as in the Rust tests: 4 signs ours, 77 signs theirs.
OURS = key_of(Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32))
secret = Ed25519PrivateKey.from_private_bytes(bytes([77]) * 32)
THEIRS = key_of(secret)

changed = ours()
changed.payload = changed.payload.replace(b"dan", b"den")
other_type = ours()
other_type.payload_type = "text/plain"
stranger = SSlibKey(OURS.keyid, "ed25519", "ed25519", THEIRS.keyval)

statement = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "component", "digest": {"sha256": "ab" * 32}}],
    "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
    "predicate": {"result": "PASSED", "passedTests": ["größer als null"]},
}
payload = json.dumps(statement, ensure_ascii=False, indent=1).encode()
theirs = Envelope(payload, "application/vnd.in-toto+json", {})
theirs.sign(CryptoSigner(secret, THEIRS))
(HERE / "theirs.json").write_text(json.dumps(theirs.to_dict(), indent=1) + "\n")

payload = ours().payload
canonical = json.dumps(
    json.loads(payload), ensure_ascii=False, separators=(",", ":"), sort_keys=True
)
facts = [
    f"ours sha256 {hashlib.sha256((HERE / 'ours.json').read_bytes()).hexdigest()}",
    f"ours holds {holds(ours(), OURS)}",
    f"ours with another payload holds {holds(changed, OURS)}",
    f"ours with another type holds {holds(other_type, OURS)}",
    f"ours under another key holds {holds(ours(), stranger)}",
    f"ours is canonical {canonical.encode() == payload}",
]
(HERE / "facts.txt").write_text("\n".join(facts) + "\n")
print("\n".join(facts))
