"""Those who only ask how the fleet is."""

from filterfleet.broker.report import STATUS_MOMENT, STATUS_REPORTS
from filterfleet.common.wire import Beat, Status, StatusRequest
from tests.unit.broker_rig import Rig

CLIENT = b"fx1|client"


def test_those_who_ask_for_the_status_again_and_again_get_one_report():
    rig = Rig()
    other = b"fx1|other client"
    for peer in (CLIENT, other):
        rig.client(peer)
    for _ in range(STATUS_REPORTS):
        rig.from_client(CLIENT, StatusRequest())
    rig.submit(b"job", client=CLIENT)
    rig.from_client(other, StatusRequest())
    rig.after(STATUS_MOMENT)
    rig.from_client(other, StatusRequest())
    assert [status.report["tasks"] for status in rig.take(CLIENT, Status)] == [0] * STATUS_REPORTS
    assert [status.report["tasks"] for status in rig.take(other, Status)] == [0, 1]


def test_whoever_only_asks_how_the_fleet_is_does_not_count_as_a_client():
    rig = Rig()
    rig.from_client(CLIENT, StatusRequest())
    (status,) = rig.take(CLIENT)
    assert status.report["clients"] == 0
    rig.from_client(CLIENT, Beat(b""))
    rig.from_client(b"fx1|observer", StatusRequest())
    (status,) = rig.take(b"fx1|observer")
    assert status.report["clients"] == 1
