"""OpenStack Swift with its S3 API in this one process: account, container, object and proxy server on loopback.

``python swift_server.py FOLDER`` prints one JSON line ``{"url"}`` when it answers, and runs until its standard input
ends. Objects are kept in memory, listings in FOLDER; access key ``test:tester``, secret ``testing``, region ``us-east-1``.
"""

# ruff: noqa: E402 - eventlet wants to be first

import eventlet

eventlet.monkey_patch()

import json
import logging
import sys
from pathlib import Path

from eventlet import listen, wsgi
from swift.common import utils
from swift.common.ring import RingBuilder
from swift.common.storage_policy import reload_storage_policies
from swift.common.wsgi import loadapp

PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
node_timeout = 20
conn_timeout = 5
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""
BACKEND = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{app}
"""


def main(folder: Path) -> None:
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = maquette\n")
    utils.set_swift_dir(str(folder))
    reload_storage_policies()
    logging.disable()
    (folder / "disk").mkdir()
    for kind, app in (("account", "account"), ("container", "container"), ("object", "mem_object")):
        socket = listen(("127.0.0.1", 0))
        ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        ring.add_dev(
            {
                "region": 1,
                "zone": 1,
                "weight": 1,
                "ip": "127.0.0.1",
                "port": socket.getsockname()[1],
                "device": "disk",
            }
        )
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{kind}.ring.gz"))
        start(folder, f"{kind}-server", BACKEND.format(folder=folder, kind=kind, app=app), socket)
    socket = listen(("127.0.0.1", 0))
    start(folder, "proxy-server", PROXY.format(folder=folder), socket)
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{socket.getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    eventlet.tpool.execute(sys.stdin.read)


def start(folder: Path, name: str, text: str, socket: object) -> None:
    conf = folder / f"{name}.conf"
    conf.write_text(text)
    app = loadapp(str(conf), global_conf={"log_name": name})
    eventlet.spawn(wsgi.server, socket, app, log_output=False, debug=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
