"""Bytes on disk: atomic writes, keys, cache entries, locks, catalog, decisions."""
