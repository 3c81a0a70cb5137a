"""Packets in, flows out: read captures or an interface, and follow connections as Zeek does.

    files.py ──┐
               ├──▶ Packet ──▶ layers/ ──▶ tracker.py ──▶ Flow
interface.py ──┘               to the      tcp/, messages.py,
                               payload     timers.py

Everything that does not become part of a flow is counted by name (counts.py). write.py writes captures.
"""
