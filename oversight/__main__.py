"""`python -m oversight` does the same as the command `oversight`."""

from oversight.cli import main

if __name__ == "__main__":
    main()
