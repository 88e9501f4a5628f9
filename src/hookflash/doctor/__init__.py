"""What an exchange of SIP messages means, in plain words, and what to do about it."""
