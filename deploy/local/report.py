"""platform.json: written whole, readable by its owner only (the store's address may hold a password)."""

import json
import os
from pathlib import Path
from typing import Any


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Replace the file in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    draft.replace(path)
