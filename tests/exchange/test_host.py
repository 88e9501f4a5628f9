"""What the parts of the exchange are given, and that none of them knows the exchange itself."""

from __future__ import annotations

import ast

import pytest
from scripts.take_out import ROOT

from hookflash.exchange.host import ExchangeSettings

EXCHANGE = ROOT / "src" / "hookflash" / "exchange"


@pytest.mark.parametrize("name", sorted(path.name for path in EXCHANGE.glob("*.py")))
def test_no_part_imports_the_exchange(name: str) -> None:
    tree = ast.parse((EXCHANGE / name).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "exchange" not in imported


def test_a_phone_is_answered_when_somebody_takes_its_audio_unless_told_otherwise() -> None:
    assert not ExchangeSettings().answer_immediately
