"""Simulate traffic: connection records with the 41 KDD features, and the raw lines that a sensor ships.

scenarios/ ──▶ Connection ──▶ windows/ ──────▶ Record ──▶ writer.py ──▶ alpha.csv, bravo.csv, ...
who talks      one on the     41 columns,      one raw    one file
to whom        clock          as KDD counts    line       per user
"""
