"""The command line, the settings, the embedded engine and the demo."""
