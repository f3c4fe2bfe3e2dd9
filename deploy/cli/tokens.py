"""token: a signed token for trying things out, in the embedded profile only."""

import secrets
from typing import Annotated

import typer

from deploy.cli.words import out, plainly
from deploy.local.home import Home
from deploy.local.trouble import Trouble
from shared.http.roles import Role
from shared.settings import load_settings

LONGEST = 24 * 3600


@plainly
def token(
    role: Annotated[
        list[str], typer.Option(help="What the bearer may do, e.g. CITIZEN or PROGRAM_OPERATOR; may be repeated.")
    ],
    sub: Annotated[
        str | None, typer.Option(metavar="REF", help="Whose it is: 32 hex digits. Default: somebody new.")
    ] = None,
    ttl: Annotated[int, typer.Option(min=1, max=LONGEST, help="Seconds until it expires.")] = 3600,
) -> None:
    """Print a token for `Authorization: Bearer …` (embedded profile only)."""
    from shared.http.tokens import issue_token  # brings FastAPI with it: only for this verb

    unknown = [name for name in role if name not in Role.__members__]
    if unknown:
        raise Trouble(f"There is no role {unknown[0]}; there are {', '.join(Role.__members__)}.")
    ref = sub or secrets.token_hex(16)
    if len(ref) != 32 or set(ref) - set("0123456789abcdef"):
        raise Trouble(f"--sub takes 32 hex digits in lower case, not {ref!r}.")
    settings = load_settings(home=Home.default().root)
    out.print(issue_token(settings, [Role(name) for name in role], ref, ttl), markup=False)
