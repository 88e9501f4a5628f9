"""Attacks of strangers on a running exchange, one after the other: `python -m bench.attack`."""
