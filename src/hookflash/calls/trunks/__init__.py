"""Trunks and dispatch rules: kept, checked, changed, and found for a call."""
