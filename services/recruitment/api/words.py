"""Texts and codes as requests bring them: bounded, nothing beyond, nothing empty."""

from typing import Annotated

from pydantic import StringConstraints

from shared.contracts.base import Words
from shared.http.forms import Form

VISIBLE = r"^[^\x00]*[^\s\x00][^\x00]*$"
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=VISIBLE)]
Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=VISIBLE)]
AnyText = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
CallId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A call's id, as its receipt named it."""


class Title(Form):
    """A line in both languages; Korean is mandatory."""

    ko: Line
    en: Line | None = None

    def words(self) -> Words:
        return Words(ko=self.ko, en=self.en)


class Text(Form):
    """A paragraph in both languages; Korean is mandatory."""

    ko: Paragraph
    en: Paragraph | None = None

    def words(self) -> Words:
        return Words(ko=self.ko, en=self.en)
