"""Who may send is read strictly: nothing that is unclear lets anybody in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.errors import UsageError
from radrag.exchange.peers import address_allowed, find_peer, parse_peer, parse_title

TITLES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\@"), min_size=1, max_size=16)


@given(TITLES, st.ip_addresses(), st.integers(1, 65535))
def test_a_peer_is_found_by_its_title_and_address_and_no_other(title, address, port):
    where = f"[{address}]" if address.version == 6 else str(address)
    peer = parse_peer(f"{title}@{where}:{port}")
    assert (peer.title, peer.port) == (title, port)
    assert find_peer([peer], f"{title} ", str(address)) is peer
    assert find_peer([peer], f"{title[:-1]}~~"[:16] if title[-1] != "~" else "X Y", str(address)) is None
    assert find_peer([peer], title, "192.0.2.1" if str(address) != "192.0.2.1" else "192.0.2.2") is None


@given(st.text(max_size=40))
def test_anything_else_is_a_usage_error(text):
    try:
        parse_peer(text)
    except UsageError:
        return
    assert "@" in text


@pytest.mark.parametrize(
    "named",
    ["PACS", "PACS@", "@10.0.0.1", "PACS@10.0.0.1/24", "PACS@10.0.0.0/24:104", "PACS@10.0.0.1:70000", "PACS@*",
     "PACS@pacs.example", "A TITLE TOO LONG FOR DICOM@10.0.0.1", "BACK\\SLASH@10.0.0.1", "PACS@10.0.0.300"],
)  # fmt: skip
def test_what_is_unclear_is_refused_with_how_to_write_it(named):
    with pytest.raises(UsageError):
        parse_peer(named)


def test_a_network_lets_in_its_addresses_and_a_mapped_address_is_the_one_it_maps():
    peers = [parse_peer("CT1@10.1.0.0/16")]
    assert find_peer(peers, "CT1", "10.1.255.1")
    assert find_peer(peers, "CT1", "::ffff:10.1.0.1")
    assert not address_allowed(peers, "10.2.0.1")
    assert not address_allowed([], "127.0.0.1")


@pytest.mark.parametrize("title", ["", " ", "ÄTITLE", "X" * 17])
def test_an_ae_title_is_what_the_standard_allows(title):
    with pytest.raises(UsageError):
        parse_title(title)
