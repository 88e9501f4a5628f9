"""What the commands that speak to a server have in common: where it is, --json, errors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from google.protobuf.duration_pb2 import Duration

from ..base.errors import HookflashError
from ..base.light import light_dataclass
from .client import Client
from .exits import fail

Headers = Annotated[
    list[str], typer.Option("--header", metavar="NAME=VALUE", help="A SIP header; repeatable.")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=1.0, max=3600.0, help="Seconds for which it may ring."),
]
Dialtone = Annotated[bool, typer.Option("--dialtone", help="Play ringing while it is dialled.")]


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """NAME=VALUE texts of a repeatable option; raises typer.BadParameter."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        found[name] = value
    return found


def duration(seconds: float) -> Duration | None:
    """Seconds of an option as protobuf wants them; None for 0: the server's default."""
    if not seconds:
        return None
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


@light_dataclass(frozen=True, slots=True)
class ApiSession:
    """The server that a command speaks to, and how it is to print."""

    url: str
    api_key: str
    api_secret: str
    as_json: bool

    @property
    def client(self) -> Client:
        """Imported late, for a command line that starts at once."""
        from .client import Client

        return Client(self.url, self.api_key, self.api_secret)

    def show(
        self, found: Any, columns: Sequence[str], rows: Sequence[Sequence[str]], none: str
    ) -> None:
        """Print `found` as JSON, or the rows as a table."""
        from .output import print_json, print_table

        if self.as_json:
            print_json(found)
        else:
            print_table(columns, rows, none)

    def report(self, found: Any, line: str) -> None:
        """Print `found` as JSON, or one line in words."""
        from .output import print_json, say

        if self.as_json:
            print_json(found)
        else:
            say(line)


def _shared(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Annotated[
        str, typer.Option(envvar="LIVEKIT_URL", help="Of the server: Hookflash or LiveKit.")
    ] = "http://127.0.0.1:7880",
    api_key: Annotated[str, typer.Option(envvar="LIVEKIT_API_KEY")] = "devkey",
    api_secret: Annotated[
        str, typer.Option(envvar="LIVEKIT_API_SECRET", show_default=False)
    ] = "secret",
) -> None:
    """The options that every one of these commands has, behind its own."""


def server_command(
    app: typer.Typer, name: str, *, epilog: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command `name`. Its function takes a `ApiSession` first; the options that make
    one are added to its own, and a HookflashError becomes one line and exit code 1."""

    def register(work: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
        shared = list(inspect.signature(_shared, eval_str=True).parameters.values())

        @functools.wraps(work)
        def run(**values: Any) -> None:
            session = ApiSession(**{option.name: values.pop(option.name) for option in shared})
            try:
                work(session, **values)
            except HookflashError as error:
                raise fail(str(error)) from None

        options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
        run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        run.__annotations__ = {option.name: option.annotation for option in options}
        app.command(name, epilog=epilog or None)(run)
        return work

    return register
