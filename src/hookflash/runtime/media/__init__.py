"""Media: who has a port and is in which room of sound, and the one clock that drives them."""
