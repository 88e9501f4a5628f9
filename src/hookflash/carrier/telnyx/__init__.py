"""Telnyx's REST, as far as setting a connection up needs it: a face of the simulated carrier."""
