"""With a certificate nothing goes in plain; with authorities, nobody comes in without one of theirs."""

import socket
import ssl

import pytest
from batch_support import write_film
from certificates import self_signed
from exchange_support import Running, dcmtk, send
from pydicom import dcmread

from radrag.errors import UsageError
from radrag.exchange.listener import ListenOptions, tls_context


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A certificate for this machine that vouches for itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "film.dcm", 1)


def test_dcmtk_sends_over_tls_and_nothing_is_taken_in_plain(tmp_path, pems, film):
    certificate, key = pems
    with Running(tmp_path / "workspace", certificate=certificate, key=key, authorities=certificate) as running:
        sent = dcmtk("storescu", running.port, "+tls", key, certificate, "+cf", certificate, [film])
        assert sent.returncode == 0, sent.stderr
        assert len(running.inbox()) == 1
        assert dcmtk("storescu", running.port, "-to", "5", "-ta", "5", [film]).returncode != 0


def test_who_shows_no_certificate_is_turned_away(tmp_path, pems, film):
    certificate, key = pems
    context = ssl.create_default_context(cafile=certificate)
    with Running(tmp_path / "workspace", certificate=certificate, key=key, authorities=certificate) as running:
        assert send(running.port, [dcmread(film)], tls=(context, "127.0.0.1")) is None
        assert not running.inbox()


def test_one_who_connects_and_says_nothing_holds_up_nobody(tmp_path, pems, film):
    certificate, key = pems
    context = ssl.create_default_context(cafile=certificate)
    with (
        Running(tmp_path / "workspace", certificate=certificate, key=key) as running,
        socket.create_connection(("127.0.0.1", running.port)),
    ):
        assert send(running.port, [dcmread(film)], tls=(context, "127.0.0.1")) == [0]


def test_half_a_configuration_is_a_usage_error(pems, tmp_path):
    with pytest.raises(UsageError, match="both"):
        tls_context(ListenOptions((), certificate=pems[0]))
    with pytest.raises(UsageError, match="both"):
        tls_context(ListenOptions((), authorities=pems[0]))
    with pytest.raises(UsageError, match="cannot be read"):
        tls_context(ListenOptions((), certificate=pems[1], key=pems[0]))
