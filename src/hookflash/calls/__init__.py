"""Call legs, transfers, trunks and dispatch: pure machines above the SIP core."""
