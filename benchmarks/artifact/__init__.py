"""How fast the artifact answers."""
