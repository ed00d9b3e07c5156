"""The API over a disk that is slow or full while a sign says so: ``python chaos_api.py``."""

import errno
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from maquette.adapters.objects_local import LocalObjects
from maquette.cli.main import run

T = TypeVar("T")
WHIMS = Path(os.environ["CHAOS_WHIMS"])

swift = LocalObjects._do


async def ailing(self: LocalObjects, work: Callable[..., T], *arguments: Any) -> T:
    """Work as the disk allows: late, in the thread that waits for it, or not at all."""

    def worked(*given: Any) -> T:
        if (WHIMS / "slow storage").exists():
            time.sleep(random.uniform(0.1, 0.6))
        if (WHIMS / "full storage").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return work(*given)

    return await swift(self, worked, *arguments)


if __name__ == "__main__":
    LocalObjects._do = ailing
    sys.argv[1:] = ["serve"]
    run()
