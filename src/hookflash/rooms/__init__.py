"""Rooms and their participants. Nothing here knows how a participant is connected."""
