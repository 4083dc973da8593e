import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.simulation.world import World

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "1000"))
FIRST_SEED = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
SEEDS_A_TEST = 50
STORY_LINES = 40


@contextmanager
def told_when_it_fails(world: World, seed: int) -> Iterator[None]:
    """On the way out of a failure, says which seed it was, how it came to it, and how to see it again."""
    passed = False
    try:
        yield
        passed = True
    finally:
        if not passed:
            again = f"SIMULATION_SEEDS=1 SIMULATION_FIRST_SEED={seed} make test ARGS=tests/simulation"
            sys.stderr.write("\n".join([*world.story[-STORY_LINES:], f"seed {seed} failed; to see it again: {again}", ""]))


def play(seed: int) -> World:
    """The world after its last step."""
    world = World(seed)
    with told_when_it_fails(world, seed):
        world.run()
    return world


@pytest.mark.timeout(120)
@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + SEEDS, SEEDS_A_TEST))
def test_whatever_fails_nothing_acknowledged_is_lost(first: int) -> None:
    """Under commands, failed appends, another writer and crashes drawn from a seed, log, answers and states keep every promise."""
    for seed in range(first, min(first + SEEDS_A_TEST, FIRST_SEED + SEEDS)):
        play(seed)


def test_a_seed_always_tells_the_same_story() -> None:
    """A seed played twice writes the same logs, byte for byte."""
    one, other = play(7), play(7)
    assert [site.log.rows for site in one.sites] == [site.log.rows for site in other.sites]
    assert one.story == other.story


def test_the_seeds_reach_what_can_happen() -> None:
    """Within twenty seeds every kind of fact of the model is written, and every kind of failure happens."""
    worlds = [play(seed) for seed in range(20)]
    facts = {fact.WhichOneof("body") for world in worlds for site in world.sites for fact in site.facts()}
    assert facts >= {
        "events_reported",
        "unit_registered",
        "unit_changed",
        "unit_state_changed",
        "unit_deregistered",
        "units_seen",
        "pattern_set",
        "pattern_deleted",
        "pattern_detected",
        "pattern_rearmed",
        "watermark_advanced",
        "signal_raised",
        "signal_repeated",
        "signal_acknowledged",
        "signal_escalated",
        "signal_expired",
        "system_created",
        "system_changed",
        "system_deleted",
        "engine_started",
        "token_revoked",
    }
    runs = [fact.events_reported for world in worlds for site in world.sites for fact in site.facts() if fact.events_reported.batch_counts]
    assert any(run.rejections for run in runs), "batches that are read together"
    story = "\n".join(line for world in worlds for line in world.story)
    for happening in ("append lost", "append stored_untold", "another server writes", "rebuild", "appends survive", "read_only"):
        assert happening in story
