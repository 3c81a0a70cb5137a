"""Follow a TCP connection: endpoint.py is one side, sides.py both, with their timers, connection.py the packets."""
