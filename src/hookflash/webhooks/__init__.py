"""Webhooks: bodies, what is signed, and the order in which they go out. Nothing is sent here."""
