"""PyJWT without cryptography, which it takes along wherever that is installed: 13 MB and 0.3 s at
the start, for algorithms that no token of ours has. Without WebRTC clients nothing needs it."""

from __future__ import annotations

import sys

_NAME = "cryptography"
_loaded = _NAME in sys.modules
if not _loaded:
    sys.modules[_NAME] = None  # type: ignore[assignment]  # "not installed", while PyJWT looks
try:
    import jwt
    from jwt import algorithms
finally:
    if not _loaded:
        del sys.modules[_NAME]

__all__ = ["algorithms", "jwt"]
