"""Somebody's own customers: files read, checked and made into the analyses' tables.

The way of a file: `sources` opens it (`files` by what its bytes say it is; databases
are asked what `queries` allows), `mappings` says what columns mean, `cells`, `keys`,
`numbers_written` and `moments` read them, `impossible_rows` sets aside what cannot be,
`order_lines` adds lines up, `tables` puts the rest together, `doubts`, `value_doubts`
say what to be careful about, `reading` is the front door.
"""
