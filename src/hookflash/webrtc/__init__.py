"""One peer connection's wire side without I/O: STUN, ICE, session descriptions."""
