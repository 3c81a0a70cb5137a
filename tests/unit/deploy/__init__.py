"""The files of deploy/: systemd units and alerting rules."""
