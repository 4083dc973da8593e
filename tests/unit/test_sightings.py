"""Zone hopping and replay, told once, in bounded memory."""

from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC

from vsm_server.security.sightings import HOP_S, QUIET_S, REPLAY_S, TOKEN_REPLAY, TOLD_MAX, ZONE_HOPPING, Sighting, Sightings

HOP = Sighting(ZONE_HOPPING, "web-1")
ZONES = (ZONE_PUBLIC, ZONE_DMZ, ZONE_PRIVATE)


def hop(sightings: Sightings, subject: str, at_s: float) -> None:
    """The subject in all three zones at once."""
    for zone in ZONES:
        sightings.see(subject, zone, at_s)


def test_three_zones_within_a_tenth_of_a_second_are_a_hop() -> None:
    """The third zone within 100 ms is told of, whatever lay between; it is taken once."""
    sightings = Sightings()
    sightings.see("web-1", ZONE_PRIVATE, 10.00)
    sightings.see("web-1", ZONE_PUBLIC, 10.05)
    sightings.see("web-1", ZONE_PUBLIC, 10.06)
    assert sightings.take() == ([], {})
    sightings.see("web-1", ZONE_DMZ, 10.09)
    assert sightings.take() == ([HOP], {})
    assert sightings.take() == ([], {})


def test_three_zones_in_more_time_are_none() -> None:
    """Three zones in over 100 ms, two zones however often, and three subjects in a zone each are no hop."""
    sightings = Sightings()
    for number, zone in enumerate(ZONES * 20):
        sightings.see("slow", zone, 10 + number * HOP_S * 0.51)
    for number in range(100):
        sightings.see("two", ZONES[number % 2], 20 + number * 0.001)
    for number, zone in enumerate(ZONES):
        sightings.see(f"other-{number}", zone, 30.0)
    assert sightings.take() == ([], {})


def test_hop_of_a_subject_is_told_once_a_minute() -> None:
    """A subject that goes on hopping is told of again after a minute; another's hop is told at once."""
    sightings = Sightings()
    for number in range(int(QUIET_S * 2) - 1):
        hop(sightings, "web-1", 100.0 + number)
    hop(sightings, "web-2", 101.0)
    assert sightings.take() == ([HOP, HOP, Sighting(ZONE_HOPPING, "web-2")], {})


def test_subjects_are_forgotten_by_age() -> None:
    """With more subjects than fit, the one unseen for longest is forgotten, not the one that was there first."""
    sightings = Sightings(subjects_max=2)
    for subject, zone in (("a", 1), ("b", 1), ("a", 2), ("c", 1), ("a", 3), ("b", 2), ("b", 3)):
        sightings.see(subject, ZONES[zone - 1], 10.0)
    assert sightings.take() == ([Sighting(ZONE_HOPPING, "a")], {})


def test_one_token_from_two_hosts_within_a_minute_is_a_replay() -> None:
    """The second host within 60 s is told of with the first; back and forth within a minute is told once."""
    sightings = Sightings(detect_replay=True)
    for at_s, host in ((0.0, "10.0.0.1"), (59.0, "10.0.0.1"), (100.0, "10.0.0.2"), (101.0, "10.0.0.1"), (161.0, "10.0.0.2")):
        sightings.see_host("web-1", "t-1", host, at_s)
    assert sightings.take() == (
        [
            Sighting(TOKEN_REPLAY, "web-1", "t-1", "10.0.0.2", "10.0.0.1"),
            Sighting(TOKEN_REPLAY, "web-1", "t-1", "10.0.0.2", "10.0.0.1"),
        ],
        {},
    )


def test_moving_slowly_or_with_another_token_is_no_replay() -> None:
    """A token that comes from another host after over a minute, and two tokens of one subject from two hosts, are none."""
    sightings = Sightings(detect_replay=True)
    sightings.see_host("web-1", "t-1", "10.0.0.1", 0.0)
    sightings.see_host("web-1", "t-2", "10.0.0.2", 1.0)
    sightings.see_host("web-1", "t-1", "10.0.0.2", REPLAY_S + 0.001)
    assert sightings.take() == ([], {})


def test_tokens_are_forgotten_by_age() -> None:
    """With more tokens than fit, the one unseen for longest is forgotten."""
    sightings = Sightings(detect_replay=True, tokens_max=2)
    for token_id, host in (("a", "1"), ("b", "1"), ("a", "1"), ("c", "1"), ("b", "2"), ("a", "2")):
        sightings.see_host("web-1", token_id, host, 0.0)
    assert sightings.take() == ([], {})


def test_what_is_told_is_bounded() -> None:
    """Beyond a hundred sightings between two takings the rest is counted."""
    sightings = Sightings()
    for number in range(TOLD_MAX + 7):
        hop(sightings, f"s-{number}", 10.0)
    told, more = sightings.take()
    assert (len(told), more) == (TOLD_MAX, {ZONE_HOPPING: 7})
