"""Twilio's REST, as far as setting a trunk up needs it: a face of the simulated carrier."""
