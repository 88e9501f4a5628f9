"""RFC 3261 and friends: pure machines, no sockets and no clock."""
