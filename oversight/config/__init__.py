"""Settings from the environment and `.env`, logging, and the addresses that may be sent a secret.

May import the settings of every part, `common` and `contract`.
"""
