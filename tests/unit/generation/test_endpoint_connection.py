"""Servers that are slow, busy, broken or elsewhere: how long they are waited for, and what is never sent to them."""

import asyncio
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from certificates import self_signed
from chat_server import MODEL, Answer, ChatServer, chunk, streamed

from radrag.errors import GenerationCode, GenerationError, UsageError
from radrag.generation import connection, own_network
from radrag.generation.endpoint import EndpointModel
from radrag.generation.prompt import Prompt

PROMPT = Prompt("Answer in JSON.", json.dumps({"evidence": []}), ())


@pytest.fixture
def server():
    with ChatServer().running() as running:
        yield running


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PAUSE", 0.01)


def ask(server, url="", **changes):
    settings = {"patience": 5.0, "timeout": 10.0} | changes
    return EndpointModel(url or server.url, MODEL, **settings).complete(PROMPT, {}, (), 0)


def error_of(server, **changes):
    with pytest.raises(GenerationError) as error:
        ask(server, **changes)
    return error.value


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again(server, status):
    server.answers = [Answer(status=status), Answer(status=status), Answer(streamed("yes"))]
    assert ask(server) == "yes"
    assert len(server.asked) == 3
    assert server.asked[0].raw == server.asked[2].raw


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409])
def test_a_server_that_says_no_is_asked_once(server, status):
    server.answers = [Answer(status=status)]
    assert error_of(server).code == GenerationCode.UNREACHABLE
    assert len(server.asked) == 1


def test_retries_have_an_end(server):
    server.answers = [Answer(status=503)]
    error = error_of(server, retries=2)
    assert error.code == GenerationCode.UNREACHABLE
    assert "503" in str(error)
    assert len(server.asked) == 3


def paused(server, after):
    server.answers = [Answer(status=429, headers={"Retry-After": after}), Answer(streamed("yes"))]
    return time.monotonic()


def test_a_short_pause_that_a_server_asks_for_is_kept(server):
    begun = paused(server, "1")
    assert ask(server) == "yes"
    assert time.monotonic() - begun >= 1


def test_a_long_pause_is_given_up_at_once(server):
    begun = paused(server, format_datetime(datetime.now(UTC) + timedelta(hours=1)))
    assert error_of(server).code == GenerationCode.UNREACHABLE
    assert time.monotonic() - begun < 1
    assert len(server.asked) == 1


@pytest.mark.parametrize("after", ["soon", "-1", "", "²", "Mon, 01 Jan 0001 00:00:00 +2300"])
def test_a_pause_that_cannot_be_read_is_ours_to_choose(server, after):
    header = {"Retry-After": after.encode().decode("latin-1")}
    server.answers = [Answer(status=429, headers=header), Answer(streamed("yes"))]
    assert ask(server) == "yes"


def test_an_answer_that_breaks_off_is_asked_for_anew_and_its_half_is_forgotten(server):
    half = streamed("half of ", finish=None)
    server.answers = [Answer(half, close=True), Answer(half), Answer(streamed("whole"))]
    assert ask(server) == "whole"
    assert len(server.asked) == 3


def test_where_no_server_is_there_is_an_error_that_names_it():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        error = error_of(None, url=url, retries=1)
    assert error.code == GenerationCode.UNREACHABLE
    assert url.removesuffix("/v1") in str(error)


def test_a_server_that_never_answers_is_given_up(server):
    server.answers = [Answer(streamed("late"), silence=30)]
    begun = time.monotonic()
    error = error_of(server, patience=0.3)
    assert error.code == GenerationCode.TIMED_OUT
    assert time.monotonic() - begun < 3
    assert len(server.asked) == 1


def test_a_stream_kept_alive_without_any_new_word_is_given_up(server):
    server.answers = [Answer(streamed("one", finish=None), hang=30)]
    assert error_of(server, patience=0.4).code == GenerationCode.TIMED_OUT
    assert server.hung_up.wait(5)


def test_a_slow_stream_that_goes_on_is_waited_for(server):
    server.answers = [Answer(streamed(*"abcdefgh"), pause=0.15)]
    assert ask(server, patience=0.6) == "abcdefgh"


def test_thinking_aloud_counts_as_life_and_not_as_text(server):
    thoughts = [chunk({"reasoning_content": "hm"}) for _ in range(6)]
    server.answers = [Answer([*thoughts, *streamed("yes")], pause=0.15)]
    assert ask(server, patience=0.6) == "yes"


def test_the_time_for_a_whole_answer_holds_over_all_tries(server):
    server.answers = [Answer(status=503, silence=0.2)]
    begun = time.monotonic()
    error = error_of(server, timeout=0.7, retries=1000)
    assert error.code in {GenerationCode.TIMED_OUT, GenerationCode.UNREACHABLE}
    assert time.monotonic() - begun < 3
    server.answers = [Answer(streamed(*"ab" * 500), pause=0.05)]
    assert error_of(server, timeout=0.5).code == GenerationCode.TIMED_OUT
    assert server.hung_up.wait(5)


def test_cancelling_ends_a_stream_and_hangs_up_so_that_the_server_stops(server):
    server.answers = [Answer(streamed("one", finish=None), hang=30)]
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    begun = time.monotonic()
    assert error_of(server, patience=20, timeout=20, cancelled=cancel.is_set).code == GenerationCode.CANCELLED
    assert time.monotonic() - begun < 3
    assert server.hung_up.wait(5)


def test_cancelling_ends_the_waiting_between_tries(server):
    server.answers = [Answer(status=503, headers={"Retry-After": "5"})]
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    begun = time.monotonic()
    assert error_of(server, cancelled=cancel.is_set).code == GenerationCode.CANCELLED
    assert time.monotonic() - begun < 3


def test_nothing_is_sent_after_cancelling(server):
    assert error_of(server, cancelled=lambda: True).code == GenerationCode.CANCELLED
    assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(server, status):
    with ChatServer().running() as elsewhere:
        server.answers = [Answer(status=status, headers={"Location": f"{elsewhere.url}/chat/completions"})]
        assert error_of(server, key="k").code == GenerationCode.UNREACHABLE
        assert elsewhere.asked == []
    assert len(server.asked) == 1


def test_proxies_keys_and_addresses_of_the_environment_are_not_used(server, monkeypatch):
    with ChatServer().running() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("OPENAI_BASE_URL", proxy.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k-env")
        server.answers = [Answer(streamed("yes"))]
        assert ask(server) == "yes"
        assert proxy.asked == []
    assert "authorization" not in server.asked[0].headers


def test_a_name_is_looked_up_once_so_that_it_cannot_lead_elsewhere_after_the_check(server, monkeypatch):
    looked_up = []

    def once(host, port, **_):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(own_network.socket, "getaddrinfo", once)
    server.answers = [Answer(status=503), Answer(streamed("yes"))]
    assert ask(server, url=f"http://models.example:{server.port}/v1") == "yes"
    assert looked_up == ["models.example"]
    assert server.asked[0].headers["host"] == f"models.example:{server.port}"


def test_the_next_address_of_a_name_is_tried_where_the_first_has_no_server(server, monkeypatch):
    def two(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.9", "127.0.0.1")]

    monkeypatch.setattr(own_network.socket, "getaddrinfo", two)
    server.answers = [Answer(streamed("yes"))]
    assert ask(server, url=f"http://models.example:{server.port}/v1", retries=0) == "yes"


def test_a_public_address_gets_no_byte(server, monkeypatch):
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("203.0.113.7", 1))]
    monkeypatch.setattr(own_network.socket, "getaddrinfo", lambda *_, **__: public)
    with pytest.raises(UsageError, match="not on your own network"):
        ask(server, url=f"http://models.example:{server.port}/v1")
    assert server.asked == []


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(own_network.socket, "getaddrinfo", unknown)
    assert error_of(None, url="http://models.example/v1").code == GenerationCode.UNREACHABLE


def test_it_works_where_an_event_loop_runs_already(server):
    server.answers = [Answer(streamed("yes"))]

    async def in_a_notebook():
        return ask(server)

    assert asyncio.run(in_a_notebook()) == "yes"


def test_several_threads_may_ask_at_once(server):
    server.answers = [Answer(streamed("yes"), silence=0.2)]
    model = EndpointModel(server.url, MODEL)
    said = []
    threads = [threading.Thread(target=lambda: said.append(model.complete(PROMPT, {}, (), 0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["yes"] * 4


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for models.example, its key and itself as the authority, in one PEM file."""
    folder = tmp_path_factory.mktemp("tls")
    own, key = self_signed(folder, "DNS:models.example")
    both = folder / "both.pem"
    both.write_text(key.read_text() + own.read_text())
    return both


def test_https_needs_a_certificate_of_the_name_from_a_trusted_authority(certificate, monkeypatch):
    def here(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(own_network.socket, "getaddrinfo", here)
    with ChatServer(certificate).running() as server:
        server.answers = [Answer(streamed("yes"))]
        url = f"https://models.example:{server.port}/v1"
        for changes in ({"url": url}, {"url": f"https://other.example:{server.port}/v1", "certificates": certificate}):
            error = error_of(server, **changes)
            assert error.code == GenerationCode.UNREACHABLE
            assert "certificate" in str(error)
        assert server.asked == []
        assert ask(server, url=url, certificates=certificate) == "yes"
