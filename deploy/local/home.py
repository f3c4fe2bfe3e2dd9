"""Where an installation keeps its things. Everything it writes is under one folder, HAMKKE_HOME (default: the project's var/)."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.trouble import Trouble
from shared.settings import load_settings

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT / "var" / "tools"
"""The embedded servers. `make setup`, `make kafka` and `make store-rs` fill it; all homes share it."""


@dataclass(frozen=True)
class Home:
    """The folders of one installation."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """HAMKKE_HOME (from the project's folder, if relative), or the project's var/. Raises SettingsError."""
        return cls((PROJECT / load_settings().home).resolve())

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def report(self) -> Path:
        """platform.json: what runs now."""
        return self.run / "platform.json"

    def make(self) -> None:
        """Make the folders. Raises Trouble."""
        try:
            for folder in (self.run, self.logs, self.data):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Trouble(
                f"The folder {self.root} cannot be used ({error.strerror}); HAMKKE_HOME names another."
            ) from None
