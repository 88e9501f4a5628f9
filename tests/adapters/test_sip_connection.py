"""What strangers can do with connections, and what they cannot (calls.md §5)."""

from __future__ import annotations
