"""Logs of Zeek and Suricata: lines ──▶ flows."""
