"""Settings from the environment and `.env`, command-line options, and logging.

May import the settings of every part, `common` and `contract`.
"""
