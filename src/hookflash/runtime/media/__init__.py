"""Media: sockets, streams, rooms of sound, and the one clock that drives them."""
