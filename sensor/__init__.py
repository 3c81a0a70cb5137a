"""Traffic -> connection records with the 41 KDD features."""
