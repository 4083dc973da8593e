"""One server for all that is thrown at it, with an oracle beside."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from vsm.v1.operations_pb2 import RegisterUnitRequest, Unit
from vsm.v1.operations_pb2_grpc import OperationsServiceStub
from vsm.v1.system_pb2 import CreateSystemRequest
from vsm.v1.system_pb2_grpc import SystemServiceStub
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.functional.conftest import start, stop
from tests.functional.forging import Forge
from tests.fuzz.oracle import SYSTEM, Oracle

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.max_receive_message_length", 16 << 20))


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """A server of its own with a system in it; looked at once more at the end."""
    running = start(tmp_path_factory.mktemp("fuzz") / "data")
    try:
        with grpc.insecure_channel(running.grpc_address, options=OPTIONS) as channel:
            oracle = Oracle(running, channel, Forge.of(running.data_dir).claiming(sub="fuzz", exp=4e9))
            furnish(oracle)
            oracle.check_well()
            yield oracle
            oracle.check_well()
    finally:
        stop(running)


def furnish(oracle: Oracle) -> None:
    """A system with a unit, as far as they are not there."""
    wanted: tuple[tuple[Any, Any], ...] = (
        (SystemServiceStub(oracle.channel).CreateSystem, CreateSystemRequest(system=ViableSystem(name=SYSTEM))),
        (OperationsServiceStub(oracle.channel).RegisterUnit, RegisterUnitRequest(unit=Unit(name=f"{SYSTEM}/units/u"))),
    )
    for method, request in wanted:
        try:
            method(request, metadata=oracle.metadata, timeout=15)
        except grpc.RpcError as error:
            if oracle.judge(error) != "ERROR_REASON_ALREADY_EXISTS":
                raise
