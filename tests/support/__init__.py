"""Shared by the tests of the runtime and of the command line."""
