"""Shared by the tests of official SDKs in several languages."""
