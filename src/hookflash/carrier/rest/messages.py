"""Requests of a carrier's REST, answers and refusals, whoever the carrier is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ...base.errors import HookflashError
from ...base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class RestRequest:
    """A request, read as far as HTTP goes."""

    method: str
    path: str
    """Without query, percent-decoded."""
    base: str = ""
    """Scheme and host of absolute addresses in the answer."""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    """Of a body that is a form."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of a body that is a JSON object."""
    authorization: str = ""


@light_dataclass(frozen=True, slots=True)
class RestAnswer:
    """A status and JSON, None for an empty body."""

    status: int
    body: dict[str, Any] | None = None


class RestFaceError(HookflashError):
    """A request is refused: by a status of HTTP, and a body as the carrier has it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text

    @property
    def body(self) -> dict[str, Any]:
        """As JSON has it."""
        raise NotImplementedError

    @property
    def answer(self) -> RestAnswer:
        """What is answered."""
        return RestAnswer(self.status, self.body)
