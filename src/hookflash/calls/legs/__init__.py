"""One call leg: the SIP side of one phone call, in parts."""
