"""How the command line speaks: facts to standard output, troubles as one plain sentence to standard error and exit 1."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console

from deploy.local.trouble import Trouble
from shared.settings import SettingsError

WIDE = 160
"""Columns where no terminal says how many there are."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


P = ParamSpec("P")
T = TypeVar("T")


def plainly(verb: Callable[P, T]) -> Callable[P, T]:
    """For a verb: say a trouble in its own words, without a traceback, and exit 1."""

    @wraps(verb)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> T:
        with no_traceback():
            return verb(*args, **kwargs)

    return spoken


@contextmanager
def no_traceback() -> Iterator[None]:
    """Turn a trouble into its sentence and exit 1."""
    try:
        yield
    except (Trouble, SettingsError) as trouble:
        err.print(str(trouble), markup=False)
        raise typer.Exit(1) from None
    except PermissionError as error:
        what = error.filename or "A process of this installation"
        err.print(
            f"{what} belongs to another user; type it as the user who ran make setup or hamkke up, "
            "or let HAMKKE_HOME name a folder of your own.",
            markup=False,
        )
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        err.print("The disk is full; free some space and type it again.")
        raise typer.Exit(1) from None
