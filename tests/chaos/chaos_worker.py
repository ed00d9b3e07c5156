"""The crowd's light worker, with a clock of its own: ``python chaos_worker.py SKEW_SECONDS``."""

import asyncio
import sys
import time

from light_worker import main

if __name__ == "__main__":
    skew = float(sys.argv[1])
    honest = time.time
    time.time = lambda: honest() + skew
    asyncio.run(main())
