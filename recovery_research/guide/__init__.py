"""The guide and the reference, built by `make docs` without network."""
