"""A SIP telephone on plain sockets, and the exchange as a process: nothing of hookflash inside."""
