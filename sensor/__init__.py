"""Simulate traffic: connection records with the 41 KDD features, and the raw lines that a sensor ships.

scenarios/ ──▶ Connection ──▶ features.py ──▶ Record ──▶ writer.py ──▶ alpha.csv, bravo.csv, ...
who talks      one on the     41 columns,     one raw    one file
to whom        clock          as KDD counts   line       per user
"""

from sensor.connection import Connection
from sensor.features import FeatureExtractor
from sensor.simulation import DEFAULT_EVENTS, DEFAULT_USERS, Record, simulate

__all__ = ["DEFAULT_EVENTS", "DEFAULT_USERS", "Connection", "FeatureExtractor", "Record", "simulate"]
