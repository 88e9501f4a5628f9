"""What strangers can do with connections, and what they cannot (calls.md §5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from tests.wire.kit.certificates import certificate as make_certificate

from hookflash.adapters.sip_connection import Connection, SipLimits, StreamGuard
from hookflash.adapters.sip_sockets import SipSockets, TlsFiles
from hookflash.adapters.source_rate import SourceRate
from hookflash.base.errors import SipError
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
