"""What the REST faces of the simulated carriers have in common."""
