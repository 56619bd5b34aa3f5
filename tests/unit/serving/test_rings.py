from __future__ import annotations

import pytest

from headrace.errors import InvalidInput
from headrace.serving.rings import Rings


def test_a_host_is_asked_for_its_addresses_and_a_server_that_stays_is_the_same() -> None:
    rings = Rings("stable", "http://127.0.0.1:6100")
    (source,) = rings.sources()
    assert source.address == ("127.0.0.1", 6100)
    assert rings.sources() == [source]


def test_a_host_without_an_address_has_no_rings_just_now() -> None:
    # No name has so long a label, so that nobody need be asked.
    assert Rings("candidate", f"http://{'a' * 64}:6100").sources() == []


@pytest.mark.parametrize(
    "url",
    [*("https://a:1", "http://a", "http://:1", "http://a:x", "a:1"), "http://[", "http://a:70000"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="no address of a ring"):
        Rings("stable", url)
