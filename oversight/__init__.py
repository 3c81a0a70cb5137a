"""The command line, the settings, the embedded engine and the demo.

Takes arguments and settings; starts the parts. May import every part; nothing imports it.
"""

import os

from oversight.own_packages import find_ours_first

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else ONNX Runtime sends usage data to Microsoft
find_ours_first()
