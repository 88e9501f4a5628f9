"""What every layer may use: the error tree and identifiers."""
