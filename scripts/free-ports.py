"""Finds free TCP ports and keeps other demos off them: free-ports.py ADDRESS PORT...

Prints one line with a port for each PORT (0: any): itself where it is free, else the next one that is. Then stays until it is
ended. Free means that nobody listens. That alone would give two demos which start together the same port, so each port is
reserved by the name of an abstract socket, which goes away with this process, whatever ends it.
"""

import signal
import socket
import sys


def listens(address, port):
    """The port that can be listened on, or None. With SO_REUSEADDR, as servers do: old connections are no obstacle."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return None
        return probe.getsockname()[1]


def reserve(address, wanted):
    for candidate in [0] * 100 if wanted == 0 else range(wanted, 65536):
        port = listens(address, candidate)
        reservation = socket.socket(socket.AF_UNIX)
        try:
            if port is not None:
                reservation.bind(f"\0odoo-entrypoint-demo-port-{port}")
                return port, reservation
        except OSError:
            pass
        reservation.close()
    sys.exit(f"no free port from {wanted} on")


taken = [reserve(sys.argv[1], int(argument)) for argument in sys.argv[2:]]
print(*(port for port, _ in taken), flush=True)
signal.pause()
