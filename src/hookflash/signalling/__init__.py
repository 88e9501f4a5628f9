"""The signalling of one participant whose client is a LiveKit SDK: a machine without I/O."""
