"""Hookflash."""
