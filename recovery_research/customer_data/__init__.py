"""Somebody's own customers: files read, checked and made into the analyses' tables.

The way of a file: `sources` finds it, `readers` open it by what its bytes say it is,
`databases` are asked by one select; `mapping` says what columns mean, `columns` have
`cells`, `numbers` and `dates` read, `impossible_rows` sets aside what cannot be,
`order_lines` adds lines up, `tables` puts the rest together, `doubts` say what to be
careful about. `reading` is the front door; `questions` and `answers` are what a report
asks of a file and is told.
"""
