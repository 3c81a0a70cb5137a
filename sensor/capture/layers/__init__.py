"""Take a packet apart: links.py finds the IP header, ip.py what TCP, UDP or ICMP gets, fragments.py joins pieces."""
