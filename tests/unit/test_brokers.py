"""--broker with one name, and with several."""

import pytest

from filterfleet.common.client.brokers import addresses, check_brokers, hosts
from filterfleet.common.errors import FleetError


def test_names_and_addresses_of_several():
    assert hosts("a, b.example ,192.0.2.1") == ["a", "b.example", "192.0.2.1"]
    assert hosts("fe80::1%lo,my_host-2") == ["fe80::1%lo", "my_host-2"]
    assert addresses("a,::1", 5555) == ["tcp://a:5555", "tcp://[::1]:5555"]


@pytest.mark.parametrize(
    "text", ["", ",", "a,", "a,,b", "a,b,a", "Hub,hub", "a b", "a,-b", "a/b", "a:5555", "tcp://a", "m\u00fcller"]
)
def test_what_is_no_list_of_brokers(text):
    with pytest.raises(FleetError, match="a name or an address, or several with commas between them"):
        hosts(text)


@pytest.mark.parametrize("text", ["hub:5555", "tcp://hub", "[::1]"])
def test_whoever_writes_a_port_or_brackets_is_told_that_they_do_not_belong_there(text):
    with pytest.raises(FleetError, match=r"ports are options of their own, and an address has no brackets\.$"):
        hosts(text)


def test_one_name_that_means_something_is_enough(said):
    check_brokers("127.0.0.1,no-such-host.invalid")
    assert "no-such-host.invalid" in said.text
    with pytest.raises(FleetError, match="cannot be resolved"):
        check_brokers("no-such-host.invalid")


def test_two_names_of_one_machine_are_one_broker():
    with pytest.raises(FleetError, match=r"^--broker names one machine twice: 127\.0\.0\.1 and localhost are both "):
        check_brokers("127.0.0.1,localhost")
