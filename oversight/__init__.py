"""The command line, the settings, the embedded engine and the demo.

Takes arguments and settings; starts the parts. May import every part; nothing imports it.
"""

from oversight.own_packages import find_ours_first

find_ours_first()
