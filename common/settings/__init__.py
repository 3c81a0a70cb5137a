"""Base classes of the settings, and the settings that several parts share.

A class declares each setting once: default, limits, help. Options, `docs/settings.md` and the parts' code read it.
`oversight.config` fills the classes from the environment and `.env`. May import `common` and `contract`.
"""
