"""Telephones for the demo and for tests: a `Carrier` has `Phone`s that call, are called, speak,
listen and carry out REFER as their `Behaviour` says. Public is what `__all__` names."""

from __future__ import annotations

from .agent import CarrierError, Traced
from .behaviour import Behaviour
from .call import CarrierCall
from .network import Carrier
from .phone import Phone

__all__ = ["Behaviour", "Carrier", "CarrierCall", "CarrierError", "Phone", "Traced"]
