"""The options of `hookflash carrier --load`. What it does is in `carrier_load.py`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..base.errors import ConfigError
from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class LoadAsked:
    """What the options say, as it was typed."""

    load: list[str]
    term: list[str]
    lasts: str
    url: str
    api_key: str
    api_secret: str

    def read(self, network: Any) -> Any:
        """The `LoadOrder` on this `NetworkConfig`, None without --load; raises ConfigError."""
        if self.load:
            from ..carrier.load_order import read_load

            return read_load([*self.load, *self.term], self.lasts, network)
        if self.term:
            raise ConfigError("TERM", " ".join(self.term), "nothing without --load")
        if self.lasts:
            raise ConfigError("--for", self.lasts, "nothing without --load")
        return None


def _options(
    load: Annotated[
        list[str],
        typer.Option(
            "--load",
            metavar="TERM",
            help="Make many calls, and say how they went: calls=200 (at once) rate=20 (new ones "
            "a second) hold=10s transfers=0.5 (a share) to=NUMBER room=NAME sound=no.",
        ),
    ] = [],  # noqa: B006  # typer reads it, nobody writes to it
    lasts: Annotated[
        str,
        typer.Option("--for", metavar="TIME", help="For how long --load makes calls: 60s, 10m."),
    ] = "",
    url: Annotated[
        str,
        typer.Option(envvar="LIVEKIT_URL", help="Of the exchange, which --load asks to transfer."),
    ] = "http://127.0.0.1:7880",
    api_key: Annotated[str, typer.Option(envvar="LIVEKIT_API_KEY")] = "devkey",
    api_secret: Annotated[
        str, typer.Option(envvar="LIVEKIT_API_SECRET", show_default=False)
    ] = "secret",
    term: Annotated[
        list[str], typer.Argument(metavar="[TERM]...", help="More of --load.", show_default=False)
    ] = [],  # noqa: B006
) -> None:
    """The options of a load run, behind the command's own."""


def with_load(work: Callable[..., None]) -> Callable[..., None]:
    """The command with these options too: its function takes a `LoadAsked` first."""
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
    added = list(inspect.signature(_options, eval_str=True).parameters.values())

    @functools.wraps(work)
    def run(**values: Any) -> None:
        work(LoadAsked(**{option.name: values.pop(option.name) for option in added}), **values)

    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *added)]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run
