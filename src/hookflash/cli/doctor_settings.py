"""What `hookflash doctor --config` learns from the server's settings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer

from ..base.errors import ConfigError
from ..config import load
from ..doctor.configuration import check_configuration
from ..doctor.diagnosis import Finding
from . import machine
from .options import ApiSession
from .settings import by_key

_THIS_MACHINE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a server is asked that listens at all addresses."""


class ServerSettings:
    """The settings in a file, or what is wrong with them."""

    def __init__(self, file: Path) -> None:
        self._name = str(file)
        self._wrong: ConfigError | None = None
        self.values: dict[str, Any] | None = None
        """By dotted key; None where they cannot be read."""
        try:
            self._settings = load(file)
            self.values = by_key(self._settings.model_dump())
        except ConfigError as error:
            self._wrong = error

    def server(self, session: ApiSession, context: typer.Context) -> ApiSession:
        """Their server with their first key, as far as neither an option nor a variable names
        another."""

        def given(option: str) -> bool:
            source = context.get_parameter_source(option)
            return source is not None and source.name != "DEFAULT"

        if self._wrong is not None:
            return session
        if not given("url"):
            host = self._settings.bind_addresses[0]
            host = _THIS_MACHINE.get(host, host)
            host = f"[{host}]" if ":" in host else host
            session = replace(session, url=f"http://{host}:{self._settings.port}")
        if self._settings.keys and not given("api_key") and not given("api_secret"):
            key, secret = next(iter(self._settings.keys.items()))
            session = replace(session, api_key=key, api_secret=secret.get_secret_value())
        return session

    def findings(self) -> list[Finding]:
        """About the settings."""
        if self.values is None:
            return [Finding("error", self._name, str(self._wrong), "as the line says")]
        found = check_configuration(self.values)
        return found or [Finding("ok", self._name, "nothing dangerous, no contradiction")]

    def of_the_machine(self, *, running: bool) -> list[Finding]:
        """About the machine; none where the settings are wrong. `running`: a server answers, so
        their ports are taken."""
        if self.values is None:
            return []
        looked = machine.look(self.values, running=running)
        return looked + asyncio.run(machine.outside(self.values))
