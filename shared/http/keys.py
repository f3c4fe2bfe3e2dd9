"""The keys of an installation: `python -m shared.http.keys DIR` makes what is missing and never replaces what is there.

`signing.pem` signs tokens (embedded profile; elsewhere the gateway's), `jwks.json` is its public half, `secret` keys
the HMACs that command ids are made of. `signing.pem` and `secret` are readable by their owner only.
"""

import argparse
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from joserfc.jwk import OKPKey

SIGNING, JWKS, SECRET = "signing.pem", "jwks.json", "secret"


def make_keys(folder: Path) -> list[Path]:
    """Make the missing ones of the three files; which ones were made. Two processes at once end with one set."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = [
        _once(folder / SIGNING, lambda: OKPKey.generate_key("Ed25519").as_pem(private=True), 0o600),
        _once(folder / JWKS, lambda: _public_half(folder / SIGNING), 0o644),
        _once(folder / SECRET, lambda: secrets.token_hex(32).encode() + b"\n", 0o600),
    ]
    return [path for path in made if path]


def signing_key(path: Path) -> OKPKey:
    """The private key of a PEM file, named (`kid`) by its RFC 7638 thumbprint."""
    key = OKPKey.import_key(path.read_text())
    return OKPKey.import_key(path.read_text(), {"kid": key.thumbprint(), "use": "sig", "alg": "Ed25519"})


def _public_half(signing: Path) -> bytes:
    return json.dumps({"keys": [signing_key(signing).as_dict(private=False)]}, indent=2).encode() + b"\n"


def _once(path: Path, content: Callable[[], bytes], mode: int) -> Path | None:
    if path.exists():
        return None
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content())
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # somebody else was faster: theirs stays
        os.link(draft, path)  # never replaces, and is whole or not there
    draft.unlink()
    return path


def main() -> None:
    """Make what is missing of an installation's keys."""
    parser = argparse.ArgumentParser(prog="python -m shared.http.keys", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where the key files are or shall be, e.g. var/keys")
    make_keys(parser.parse_args().folder)


if __name__ == "__main__":
    main()
