"""Errors of Telnyx's REST (developers.telnyx.com/development/api-fundamentals/api-errors). Pure."""

from __future__ import annotations

from typing import Any, Final

from ..rest.messages import RestFaceError

MORE_INFO: Final = "https://developers.telnyx.com/docs/overview/errors/"
MISSING, NOT_FOUND, AUTHENTICATE, DUPLICATE = 10004, 10005, 10009, 10012
NO_ASSOCIATION, MEDIA_TYPE, BAD_REQUEST, IN_USE, INVALID_JSON = 10013, 10014, 10015, 10021, 10023
TITLES: Final = {
    MISSING: "Missing required parameter",
    NOT_FOUND: "Resource not found",
    AUTHENTICATE: "Authentication failed",
    DUPLICATE: "Duplicate resource",
    NO_ASSOCIATION: "Missing association",
    MEDIA_TYPE: "Unsupported Media Type",
    BAD_REQUEST: "Bad Request",
    IN_USE: "Resource in use",
    INVALID_JSON: "Invalid JSON",
}
"""What each code is about. Codes and titles are Telnyx's; that this face gives one where Telnyx
does is known of 10005 and 10009, else assumed."""


class TelnyxFaceError(RestFaceError):
    """A request is refused: status of HTTP, code of Telnyx, and what is wrong."""

    def __init__(self, status: int, code: int, text: str, pointer: str = "") -> None:
        """`pointer`: the value of the body that is wrong, `/inbound/dnis_number_format`."""
        super().__init__(status, text)
        self.code = code
        self.pointer = pointer

    @property
    def body(self) -> dict[str, Any]:
        """As JSON has it."""
        error: dict[str, Any] = {
            "code": str(self.code),
            "title": TITLES[self.code],
            "detail": self.text,
            "meta": {"url": f"{MORE_INFO}{self.code}"},
        }
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return {"errors": [error]}
