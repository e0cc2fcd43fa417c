"""The command `recovery-research`."""
