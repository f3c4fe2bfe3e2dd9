"""Machine words for what people call things: the API takes codes, the field's files hold any text. Pure."""

import re
import unicodedata
from collections.abc import Iterable

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FEATURE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def codes_of(names: Iterable[str], word: str, letters_first: bool = False) -> dict[str, str]:
    """Name -> code. A name that is a code stays as it is; another becomes its plain letters, or `<word><n>`; all differ."""
    names = list(dict.fromkeys(names))
    form = _FEATURE if letters_first else _CODE
    codes = {name: name for name in names if form.fullmatch(name)}
    for number, name in enumerate(names, start=1):
        if name not in codes:
            plain = _plain(name)
            fits = form.fullmatch(plain) and plain not in codes.values()
            codes[name] = plain if fits else _unused(f"{word}{number}", set(codes.values()))
    return {name: codes[name] for name in names}


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_only).strip("-")[:32].rstrip("-")


def _unused(code: str, taken: set[str]) -> str:
    while code in taken:
        code += "x"
    return code
