"""The simulated customers: their world, their lives, and what became of them.

To read it: `experiments`, `justice` (policy and world become a `Reply`), `_customer`
(beliefs and feelings), `_lifetime_loop` (one life), `_accounts` (money and sums),
`simulation`, `tables`, `forks`.
"""
