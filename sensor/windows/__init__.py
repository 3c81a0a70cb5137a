"""The 19 columns of KDD Cup 99 that describe a connection by others before it.

    Connection ──▶ own columns (1-22) ─────────────────────┐
         │                                                 ├──▶ features.py: 41 columns
         ├──▶ recent.py: the last two seconds (23-31) ─────┤
         └──▶ history.py: the last 255, by host (32-41) ───┘

A connection's time is its end. All sources share this code: flow logs, captures, documents and the simulator.
"""
