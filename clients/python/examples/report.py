"""Reports a thousand events of a made-up shop, sees them into the log, and tells what became of them."""

import asyncio
import math
import os

from vsm.v1 import operations_pb2

from vsm_client import Client, FileToken, VsmError

SYSTEM = "systems/default"
UNIT = "shop"


async def main() -> None:
    """VSM_SERVER names the server, VSM_TOKEN_FILE the file with the token."""
    token = FileToken(os.environ.get("VSM_TOKEN_FILE", "data/admin.token"))
    async with Client(os.environ.get("VSM_SERVER", "127.0.0.1:50051"), token) as client:
        try:
            await client.operations.RegisterUnit(
                operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=f"{SYSTEM}/units/{UNIT}"))
            )
        except VsmError as error:
            if error.reason != "ALREADY_EXISTS":
                raise
        async with client.reporter(SYSTEM, "example") as reporter:
            for number in range(1_000):
                await reporter.report(UNIT, "request", {"latency_ms": 20 + 10 * math.sin(number / 50)}, {"path": "/buy"})
        print(f"{reporter.tally.accepted} events are in the log, {reporter.tally.rejected} were refused")


asyncio.run(main())
