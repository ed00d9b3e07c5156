"""moto's S3 on loopback, in a process of its own: it believes every signature and checks no checksum.

Prints one JSON line ``{"url"}`` and runs until its standard input ends.
"""

import json
import logging
import sys

from moto.server import ThreadedMotoServer

if __name__ == "__main__":
    logging.disable()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sys.stdout.write(json.dumps({"url": f"http://{host}:{port}"}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()
