"""Shared by the tests of the exchange, the runtime and of the command line."""
