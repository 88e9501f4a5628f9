"""Errors of Twilio's REST (twilio.com/docs/usage/twilios-response; code numbers and their names:
twilio.com/docs/api/errors). Pure."""

from __future__ import annotations

from typing import Final

from ..rest.messages import RestFaceError

MORE_INFO: Final = "https://www.twilio.com/docs/errors/"
NOT_ALLOWED, AUTHENTICATE, METHOD, NOT_FOUND = 20001, 20003, 20004, 20404
ACCESS_LIST, ACCESS_LIST_IN_USE, ADDRESSES_FULL, ADDRESS = 21235, 21236, 21237, 21238
CREDENTIAL_LISTS_FULL, CREDENTIAL_LIST, CREDENTIAL_LIST_IN_USE = 21239, 21240, 21241
CREDENTIALS_FULL, CREDENTIAL = 21242, 21243
TRUNKS_FULL, TRUNK, DOMAIN_TAKEN, ORIGINATION_FULL = 21244, 21245, 21248, 21249
ACCESS_LISTS_FULL, NUMBER_TAKEN = 21255, 21422
NAMES: Final = {
    NOT_ALLOWED: "a parameter is missing or wrong",
    AUTHENTICATE: "the credentials are not those of the account",
    METHOD: "the method is none of this resource",
    NOT_FOUND: "there is no such resource",
    ACCESS_LIST: "IP access control list: wrong parameter",
    ACCESS_LIST_IN_USE: "the IP access control list is on a trunk",
    ADDRESSES_FULL: "too many addresses in the list",
    ADDRESS: "IP address: wrong parameter",
    CREDENTIAL_LISTS_FULL: "too many credential lists",
    CREDENTIAL_LIST: "credential list: wrong parameter",
    CREDENTIAL_LIST_IN_USE: "the credential list is on a trunk",
    CREDENTIALS_FULL: "too many credentials in the list",
    CREDENTIAL: "credential: wrong parameter",
    TRUNKS_FULL: "too many trunks",
    TRUNK: "trunk: wrong parameter",
    DOMAIN_TAKEN: "another trunk has the domain",
    ORIGINATION_FULL: "too many origination URLs",
    ACCESS_LISTS_FULL: "too many IP access control lists",
    NUMBER_TAKEN: "somebody has the number",
}
"""What each code is about. The numbers are Twilio's; that this face gives one where Twilio does is
known of 20003, 20404 and 21248, else assumed."""


class RestError(RestFaceError):
    """A request is refused: status of HTTP, code of Twilio, and a text."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(status, text)
        self.code = code

    @property
    def body(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "code": self.code,
            "message": self.text,
            "more_info": f"{MORE_INFO}{self.code}",
            "status": self.status,
        }
