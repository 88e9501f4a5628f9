"""What a server without WebRTC clients does not load."""

from __future__ import annotations

import subprocess
import sys


def test_the_server_is_imported_without_cryptography() -> None:
    code = (
        "import sys, hookflash.server\n"
        "print(sorted({'cryptography', 'OpenSSL', 'aiortc'} & set(sys.modules)))\n"
        "import cryptography.x509, jwt\n"
        "print(jwt.encode({}, 'k' * 32, 'HS256')[:8])\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.splitlines() == ["[]", "eyJhbGci"]
