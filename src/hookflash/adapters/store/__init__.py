"""The SQLite file: trunks, rules, calls, transfers, dialogs, audit (calls.md §5, §6)."""
