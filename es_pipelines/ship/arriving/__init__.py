"""Ship what is in no file that could be read again: lines of standard input, records of a sensor.

lists of what arrived together ──▶ `shipper.session` ──▶ ShipReport
"""
