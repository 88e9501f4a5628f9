"""The exchange: performs what legs and rooms ask for, on the ports that it is handed (`ports`).

No event loop, no sockets, no clock: calls, rooms and sound meet here, and a test can watch.
"""
