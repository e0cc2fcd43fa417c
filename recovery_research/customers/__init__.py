"""Somebody's own customers: files read, checked and made into the analyses' tables.

The way of a file: `sources` opens it, `mappings` says what its columns mean, `cells`
and `moments` read them, `impossible_rows` sets aside what cannot be, `tables` puts the
rest together, `doubts` says what to be careful about, `reading` is the front door.
"""
