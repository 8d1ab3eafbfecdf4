"""Which addresses are the user's own network, and which are refused."""

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.errors import UsageError
from radrag.generation import own_network
from radrag.generation.own_network import is_own, resolve, server_address


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.5", "169.254.3.4"),
        *("fd12::1", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
    ],
)
def test_loopback_private_and_link_local_addresses_are_own(address):
    assert is_own(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "8.8.8.8",
            "172.32.0.1",
            "192.169.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
        ),
        *("2001:db8::1", "2606:4700::1111", "::", "::ffff:8.8.8.8", "64:ff9b::a00:1", "ff02::1"),
    ],
)
def test_every_other_address_is_not(address):
    assert not is_own(address)


@given(st.ip_addresses())
def test_what_is_own_is_never_globally_reachable(address):
    assert not (is_own(str(address)) and address.is_global)


@pytest.mark.parametrize(
    ("url", "origin", "base"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000", "http://10.0.0.1:8000/v1"),
        (
            "https://models.hospital.example/llm/v1/",
            "https://models.hospital.example:443",
            "https://10.0.0.1:443/llm/v1",
        ),
        ("http://[::1]:11434/v1", "http://[::1]:11434", "http://10.0.0.1:11434/v1"),
        (" HTTP://LocalHost ", "http://localhost:80", "http://10.0.0.1:80"),
    ],
)
def test_addresses_are_read(url, origin, base):
    server = server_address(url)
    assert server.origin == origin
    assert server.at("10.0.0.1") == base


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8000", "ftp://10.0.0.1", "file:///etc/passwd", "http://", "http://:80/v1", "http://a:port/v1"),
        *("http://a:99999/", "http://[::1/v1", "unix:///socket", "javascript:alert(1)"),
    ],
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(UsageError, match="http"):
        server_address(url)


@pytest.mark.parametrize(
    "url", ["http://me:pw-secret@10.0.0.1/v1", "http://10.0.0.1/v1?api-key=pw-secret", "http://10.0.0.1/#pw-secret"]
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(url):
    with pytest.raises(UsageError) as error:
        server_address(url)
    assert "pw-secret" not in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text):
    for url in (text, f"http://{text}"):
        with contextlib.suppress(UsageError):
            assert server_address(url).host


def found(monkeypatch, *addresses):
    monkeypatch.setattr(
        own_network.socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses],
    )


def test_a_name_with_one_public_address_is_refused_whole(monkeypatch):
    found(monkeypatch, "10.0.0.1", "8.8.8.8")
    with pytest.raises(UsageError, match="not on your own network"):
        resolve(server_address("http://models.example/v1"))


def test_public_addresses_need_https_and_leave(monkeypatch):
    found(monkeypatch, "8.8.8.8")
    with pytest.raises(UsageError):
        resolve(server_address("https://models.example/v1"))
    with pytest.raises(UsageError, match="in clear"):
        resolve(server_address("http://models.example/v1"), anywhere=True)
    assert resolve(server_address("https://models.example/v1"), anywhere=True) == ("8.8.8.8",)


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "8.8.2056"])
def test_other_spellings_of_a_public_address_are_refused(host):
    with pytest.raises(UsageError):
        resolve(server_address(f"http://{host}/v1"))
