"""The sound of rooms: what comes in, who hears whom, what goes out. No sockets, no clock."""
