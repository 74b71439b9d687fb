from filterfleet.common.backoff import Backoff
from filterfleet.common.wire.liveness import Liveness


def test_silence_is_death_at_exactly_the_stored_instant():
    liveness = Liveness(10.0, interval=0.1, missed=3)
    expires = liveness.expires
    assert not liveness.expired(expires - 1e-9)
    assert liveness.expired(expires)


def test_hearing_from_a_peer_moves_the_instant():
    liveness = Liveness(0.0, interval=1.0, missed=4)
    liveness.heard(3.5)
    assert liveness.expires == 7.5
    assert not liveness.expired(7.4)


def test_back_off_doubles_to_its_cap_and_begins_again():
    backoff = Backoff()
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 32, 32]
    backoff.reset()
    assert backoff.next() == 1
