"""The limits of methods: which class holds a caller, what a refusal says, and how messages of streams wait."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2

from vsm_server.limits.memory import MemoryLimits
from vsm_server.rpc.caller import NOBODY
from vsm_server.rpc.limit_stage import (
    CLASSES,
    UNCLASSED,
    WAIT_MAX_S,
    Clock,
    LimitTooLow,
    Meter,
    Meters,
    RateLimited,
    Tally,
    trailers,
)
from vsm_server.rpc.server import SERVICES
from vsm_server.security.access import FOREIGN_RULES, Rule, rules
from vsm_server.security.identity import Identity

PUBLIC, DMZ, PRIVATE = access_pb2.ZONE_PUBLIC, access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE
TABLE = rules(SERVICES)
WHO_AM_I = "/vsm.v1.SecurityService/WhoAmI"
STREAM = "/vsm.v1.OperationsService/StreamEvents"
HERE = "ipv4:127.0.0.1:5000"
SECOND = 1_000_000_000


@dataclass
class Simulated:
    """A clock that goes on only while somebody waits by it. Of several who wait the last is woken first: nobody may rely on more."""

    ns: int = 1_000_000 * SECOND
    asleep: int = 0

    def now_ns(self) -> int:
        """What it shows."""
        return self.ns

    async def sleep(self, for_s: float) -> None:
        """Lets the others run, then time pass."""
        until_ns = self.ns + round(for_s * SECOND)
        self.asleep += 1
        for _ in range(20 // self.asleep):
            await asyncio.sleep(0)
        self.asleep -= 1
        self.ns = max(self.ns, until_ns)


def caller(subject: str = "collector-1", zone: access_pb2.Zone = PUBLIC) -> Identity:
    return replace(NOBODY, subject=subject, zone=zone)


@pytest.fixture
def clock() -> Simulated:
    return Simulated()


@pytest.fixture
def meters(clock: Simulated) -> Meters:
    return Meters(TABLE, MemoryLimits(), 1000, Clock(clock.now_ns, clock.sleep))


def passed(meter: Meter, identity: Identity, peer: str = HERE) -> int:
    """How many calls pass until one is refused."""
    count = 0
    while True:
        try:
            assert meter.take(identity, peer) is not None
        except RateLimited:
            return count
        count += 1


@pytest.mark.parametrize("subsystem", sorted(CLASSES))
def test_each_class_has_its_limits(meters: Meters, subsystem: subsystem_pb2.Subsystem) -> None:
    """A caller in PUBLIC makes as many calls at once as the class says, one in DMZ 60 times as many, one in PRIVATE any number."""
    meter = meters.of(Rule("/vsm.v1.Any/Method", subsystem=subsystem))
    name, count = CLASSES[subsystem]
    assert passed(meter, caller(zone=PUBLIC)) == count
    assert passed(meter, caller(zone=DMZ)) == 60 * count
    assert meter.take(caller(zone=PRIVATE), HERE) is None
    assert [meter.applies(zone) for zone in (PUBLIC, DMZ, PRIVATE)] == [True, True, False]
    assert meters.tallies[name] == Tally(allowed=61 * count, refused=2)


def test_a_refusal_says_all(meters: Meters) -> None:
    """RATE_LIMITED names the limit, in words too, and says exactly when the same call would pass."""
    meter = meters.of(TABLE[WHO_AM_I])
    assert passed(meter, caller()) == 50
    with pytest.raises(RateLimited) as caught:
        meter.take(caller(), HERE)
    assert (caught.value.reason, caught.value.metadata) == (errors_pb2.ERROR_REASON_RATE_LIMITED, {"limit": "s5_policy"})
    assert caught.value.retry_after_s == 1.2
    assert caught.value.message == "s5_policy: 50 calls a minute of one caller in PUBLIC are used up; the next passes in 1.200 s"
    assert caught.value.trailers == (("ratelimit-policy", '"s5_policy";q=50;w=60'), ("ratelimit", '"s5_policy";r=0;t=2'))


def test_trailers_tell_how_a_caller_stands(meters: Meters, clock: Simulated) -> None:
    """Each call that passes tells the limit, what remains and when all of it is there again, in seconds rounded up."""
    meter = meters.of(TABLE[WHO_AM_I])
    told = []
    for _ in range(3):
        verdict = meter.take(caller(), HERE)
        assert verdict is not None
        told.append(dict(trailers(verdict))["ratelimit"])
        clock.ns += SECOND // 10
    assert told == ['"s5_policy";r=49;t=2', '"s5_policy";r=48;t=3', '"s5_policy";r=47;t=4']


def test_each_caller_has_limits_of_its_own(meters: Meters) -> None:
    """Another subject, and the same subject in another zone, is not touched; other methods of the class are the same limit."""
    meter = meters.of(TABLE[WHO_AM_I])
    assert passed(meter, caller()) == 50
    assert passed(meter, caller("collector-2")) == 50
    assert meter.take(caller(zone=DMZ), HERE) is not None
    assert passed(meters.of(TABLE["/vsm.v1.SecurityService/RenewToken"]), caller()) == 0
    assert meters.of(TABLE[STREAM]).take(caller(), HERE) is not None


def test_without_a_token_the_address_counts(meters: Meters) -> None:
    """Whoever shows no token is a host by IPv4, a /64 by IPv6, whatever the port; a subject that is called like it is another."""
    meter = meters.of(TABLE["/vsm.v1.SecurityService/GetKeys"])
    assert passed(meter, NOBODY, "ipv4:192.0.2.1:5000") == 50
    assert passed(meter, NOBODY, "ipv4:192.0.2.1:6000") == 0
    assert passed(meter, NOBODY, "ipv4:192.0.2.2:5000") == 50
    assert passed(meter, NOBODY, "ipv6:%5B2001:db8:1:2::1%5D:5000") == 50
    assert passed(meter, NOBODY, "ipv6:%5B2001:db8:1:2:3::1%5D:5000") == 0
    assert passed(meter, NOBODY, "ipv6:%5B2001:db8:1:3::1%5D:5000") == 50
    assert passed(meter, caller("192.0.2.1")) == 50


def test_pain_and_health_are_outside(meters: Meters) -> None:
    """Algedonic methods, health, reflection and channelz are never limited, however often they are called."""
    outside = [rule for rule in TABLE.values() if rule.priority == access_pb2.PRIORITY_ALGEDONIC]
    assert "/vsm.v1.AlgedonicService/RaiseSignal" in [rule.method for rule in outside]
    outside += [*FOREIGN_RULES.values(), Rule("/grpc.channelz.v1.Channelz/GetServers")]
    for rule in outside:
        meter = meters.of(rule)
        assert not any(meter.applies(zone) for zone in (PUBLIC, DMZ, PRIVATE))
        assert all(meter.take(caller(), HERE) is None for _ in range(2_000))


def test_every_other_method_is_limited(meters: Meters) -> None:
    """No method of the contract is forgotten: it is algedonic, or a limit holds it in PUBLIC and DMZ."""
    for rule in TABLE.values():
        meter = meters.of(rule)
        limited = rule.priority != access_pb2.PRIORITY_ALGEDONIC
        assert [meter.applies(zone) for zone in (PUBLIC, DMZ, PRIVATE)] == [limited, limited, False], rule.method


def test_methods_of_no_class_have_the_limit_of_the_option() -> None:
    """The option counts for them alone, and 0 is none."""
    rule = Rule("/vsm.v1.Any/Method")
    some, none = (Meters(TABLE, MemoryLimits(), count, Clock(lambda: SECOND)) for count in (7, 0))
    assert passed(some.of(rule), caller()) == 7
    assert passed(some.of(TABLE[WHO_AM_I]), caller()) == 50
    assert not none.of(rule).applies(PUBLIC)
    assert [UNCLASSED in meters.tallies for meters in (some, none)] == [True, False]


def test_a_method_that_could_never_pass_is_found_at_start() -> None:
    """A cost above what its limit lets pass at once is an error before the first call."""
    dear = Rule("/vsm.v1.Any/Dear", cost=8)
    with pytest.raises(LimitTooLow, match=r"/vsm\.v1\.Any/Dear costs 8, and default allows 7 at once in PUBLIC"):
        Meters({dear.method: dear}, MemoryLimits(), 7, Clock(lambda: SECOND))


def test_a_dear_call_takes_its_cost(meters: Meters) -> None:
    """Cost is what a call takes of the limit."""
    meter = meters.of(Rule("/vsm.v1.Any/Dear", subsystem=subsystem_pb2.SUBSYSTEM_S5, cost=20))
    assert passed(meter, caller()) == 2
    assert passed(meters.of(TABLE[WHO_AM_I]), caller()) == 10


async def test_a_message_without_room_waits_for_it(meters: Meters, clock: Simulated) -> None:
    """A further message of a stream is not refused: it passes when the limit lets it, and no sooner."""
    meter, began_ns = meters.of(TABLE[STREAM]), clock.ns
    assert passed(meter, caller()) == 1000
    for _ in range(5):
        assert await meter.take_message(caller(), HERE) is not None
    assert clock.ns - began_ns == 5 * 60 * SECOND // 1000
    assert meters.tallies["s1_environment"] == Tally(allowed=1005, refused=1, waited=5)
    assert await meter.take_message(caller(zone=PRIVATE), HERE) is None


async def test_streams_of_a_caller_have_room_in_turns(meters: Meters) -> None:
    """Of several streams that wait, whoever came first is first; none takes the place of another, and nobody is left in line."""
    meter, order = meters.of(TABLE[STREAM]), []
    passed(meter, caller())

    async def stream(name: str) -> None:
        for number in range(4):
            await meter.take_message(caller(), HERE)
            order.append((number, name))

    async with asyncio.TaskGroup() as tasks:
        for name in "abc":
            tasks.create_task(stream(name))
    assert order == [(number, name) for number in range(4) for name in "abc"]
    assert meters.queues == {}


async def test_other_callers_do_not_wait(meters: Meters, clock: Simulated) -> None:
    """While one caller's message waits, another's passes at once."""
    meter = meters.of(TABLE[STREAM])
    passed(meter, caller())
    waiting = asyncio.create_task(meter.take_message(caller(), HERE))
    await asyncio.sleep(0)
    before_ns = clock.ns
    assert await meter.take_message(caller("collector-2"), HERE) is not None
    assert (clock.ns, waiting.done()) == (before_ns, False)
    await waiting


async def test_waiting_has_an_end(meters: Meters, clock: Simulated) -> None:
    """A message that has no room within the bound is refused as soon as that is clear, with when there would be."""
    dear = meters.of(Rule("/vsm.v1.Any/Dear", subsystem=subsystem_pb2.SUBSYSTEM_S5, cost=20))
    passed(dear, caller())
    before_ns = clock.ns
    with pytest.raises(RateLimited) as caught:
        await dear.take_message(caller(), HERE)
    assert caught.value.retry_after_s == 12.0 > WAIT_MAX_S
    assert clock.ns == before_ns
    assert meters.queues == {}


async def test_a_stream_that_goes_leaves_the_line(meters: Meters) -> None:
    """Streams that are cancelled while they wait take nothing and hold nobody up."""
    meter = meters.of(TABLE[STREAM])
    passed(meter, caller())
    forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stuck = Meters(TABLE, meters.limits, 1000, Clock(meters.clock.now_ns, lambda _: forever))
    gone = [asyncio.create_task(stuck.of(TABLE[STREAM]).take_message(caller(), HERE)) for _ in range(3)]
    await asyncio.sleep(0)
    assert [queue.waiting for queue in stuck.queues.values()] == [3]
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert stuck.queues == {}
    assert stuck.tallies["s1_environment"] == Tally()
