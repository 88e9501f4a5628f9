"""Transfers of one leg: what REFER, its answers and its NOTIFYs mean."""
