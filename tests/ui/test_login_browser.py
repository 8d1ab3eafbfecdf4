"""Logging in at a real server in a real browser: by form, https and provider; and being thrown out."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
import review_sample as sample
from browsing import CHROMIUM, FLAGS
from certificates import self_signed
from logged_in import PASSWORD, add_reader, log_in
from openid_provider import running_provider
from support import missing

from radrag.domain import Role
from radrag.store.canonical import utc_now
from radrag.store.people_values import Account
from radrag.store.repository import Store

pytest_plugins = ["review_fixtures"]
pytestmark = pytest.mark.browser

START = "import sys; from radrag.cli.main import main; main(sys.argv[1:])"
WORKLIST = "[data-testid=stDataFrame] canvas"


@contextmanager
def served(workspace, *options, port=0):
    """Run ``radrag review``; yield its address."""
    command = [sys.executable, "-c", START, "--workspace", str(workspace), "review", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        process.stdout.close()


@pytest.fixture
def workspace(fill_workspace, review_workspace):
    fill_workspace(sample.draft())
    add_reader(review_workspace)
    return review_workspace


@pytest.fixture
def browser(tmp_path):
    """A browser with a profile of its own."""
    if not CHROMIUM.exists():
        missing("Chromium (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=str(CHROMIUM),
            args=FLAGS,
            viewport={"width": 1366, "height": 768},
            ignore_https_errors=True,
        )
        context.set_default_timeout(20_000)
        yield context
        context.close()


def store_of(workspace):
    return Store.open(f"sqlite:///{workspace / 'radrag.sqlite'}", who="admin")


def test_a_reader_logs_in_by_keyboard_works_and_is_thrown_out_when_the_account_is_closed(workspace, browser):
    page = browser.pages[0]
    blocked = []
    page.on("console", lambda said: "Content Security Policy" in said.text and blocked.append(said.text))
    with served(workspace) as address:
        page.goto(f"{address}/review?draft={sample.DRAFT_ID}")
        assert page.evaluate("document.activeElement.id") == "name"
        page.keyboard.type("adams")
        page.keyboard.press("Tab")
        page.keyboard.type("not the password")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.evaluate("document.activeElement.id") == "password"
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/review?draft={sample.DRAFT_ID}")
        page.get_by_text("PRELIMINARY").first.wait_for()

        page.goto(address)
        page.locator(WORKLIST).first.wait_for()
        with store_of(workspace) as store:
            store.set_disabled("adams", True)
        page.wait_for_url("**/login?over**", timeout=40_000)  # by itself: nobody touches anything
        page.get_by_text("You were logged out").wait_for()
        assert page.locator(WORKLIST).count() == 0
        assert blocked == []


def test_the_form_works_without_scripts_and_a_log_out_is_for_all_tabs(workspace, browser):
    with served(workspace) as address:
        page, other = browser.pages[0], browser.new_page()
        log_in(page, address)
        page.locator(WORKLIST).first.wait_for()
        other.goto(address)
        other.locator(WORKLIST).first.wait_for()
        page.goto(f"{address}/logout")
        page.get_by_text("You are logged out").wait_for()
        other.reload()
        other.get_by_label("Password").wait_for()
        page.route("**/*.js", lambda route: route.abort())
        log_in(page, address, path="/review")
        assert page.url == f"{address}/review"


def test_over_https_the_log_in_is_a_secure_cookie_and_the_socket_works(workspace, browser, tmp_path):
    cert, key = self_signed(tmp_path, "DNS:localhost")
    options = ["--host", "0.0.0.0", "--name", "localhost", "--tls-cert", str(cert), "--tls-key", str(key)]
    with served(workspace, *options) as address:
        assert re.fullmatch(r"https://localhost:\d+", address)
        page = browser.pages[0]
        log_in(page, address)
        page.locator(WORKLIST).first.wait_for()
        (cookie,) = [one for one in browser.cookies() if one["name"] == "radrag_login"]
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        trusting = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{address}/_stcore/health", context=trusting, timeout=10) as answer:
            assert answer.status == 200


def test_a_proxy_is_believed_only_where_it_is_named(workspace):
    def cookie_of(address):
        request = urllib.request.Request(
            f"{address}/login", headers={"X-Forwarded-Proto": "https", "Host": "radrag.example"}
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as answer:
            return answer.headers["Set-Cookie"].lower()

    with served(workspace, "--name", "radrag.example", "--behind-proxy", "127.0.0.1") as address:
        assert "secure" in cookie_of(address)
    with served(workspace, "--name", "radrag.example") as address:
        assert "secure" not in cookie_of(address)


# The organisation's provider


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_provider() as running:
        yield running


@pytest.fixture
def organisation(workspace, provider):
    """Address of a page whose readers may log in with the provider."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (workspace / "secrets.toml").write_text(provider.secrets_toml(f"http://127.0.0.1:{port}"))
    with served(workspace, port=port) as address:
        yield address


def log_ins(workspace):
    with store_of(workspace) as store:
        entries = [one for one in store.audit_entries(limit=1000) if one.what.startswith("login")]
        return [(one.what, one.who, one.payload["means"], one.payload.get("reason")) for one in entries]


def by_organisation(page, address, path="/"):
    page.goto(address + path)
    page.get_by_role("link", name="Log in with your organisation").click()


def test_whom_the_provider_vouches_for_gets_where_they_wanted(workspace, provider, organisation, browser):
    with store_of(workspace) as store:
        store.add_account(Account("baker", "", Role.READER, subject="sub-7"), "", now=utc_now())
    page = browser.pages[0]
    by_organisation(page, organisation, f"/review?draft={sample.DRAFT_ID}")
    page.wait_for_url(f"{organisation}/review?draft={sample.DRAFT_ID}")
    page.get_by_text("PRELIMINARY").first.wait_for()
    assert log_ins(workspace) == [("login", "baker", "openid", None)]
    names = {one["name"] for one in browser.cookies()}
    assert "radrag_login" in names
    assert not {name for name in names if name.startswith("_streamlit_user")}
    page.goto(f"{organisation}/logout")
    page.goto(organisation)
    page.get_by_label("Password").wait_for()  # out is out: nothing lets the browser in again by itself


ADDRESS = "baker@hospital.example"
CLAIMS = [
    ({"sub": "x", "email": ADDRESS, "email_verified": False}, False),
    ({"sub": "x", "email": ADDRESS}, False),
    ({"sub": "x", "email": ADDRESS, "email_verified": "true"}, False),
    ({"sub": "stranger <b>"}, False),
    ({"sub": "x", "email": ADDRESS, "email_verified": True}, True),
]


def test_only_what_the_provider_has_verified_names_an_account(workspace, provider, organisation, browser):
    with store_of(workspace) as store:
        store.add_account(Account("baker", "", Role.READER, subject=ADDRESS), "", now=utc_now())
    page = browser.pages[0]
    for claims, let_in in CLAIMS:
        provider.claims = claims
        by_organisation(page, organisation)
        if let_in:
            page.locator(WORKLIST).first.wait_for()
            continue
        page.get_by_role("alert").wait_for()
        assert f"--oidc {claims['sub']}" in page.get_by_role("alert").inner_text()
        assert "radrag_login" not in {one["name"] for one in browser.cookies()}
    assert [one[0] for one in log_ins(workspace)] == ["login.failed"] * 4 + ["login"]


def test_a_closed_account_stays_closed_to_the_provider_too(workspace, provider, organisation, browser):
    with store_of(workspace) as store:
        store.add_account(Account("baker", "", Role.READER, subject="sub-7"), "", now=utc_now())
        store.set_disabled("baker", True)
    by_organisation(browser.pages[0], organisation)
    browser.pages[0].get_by_role("alert").wait_for()
    assert log_ins(workspace) == [("login.failed", "unknown", "openid", "disabled")]


def faults():
    """Return what makes a token one that the provider did not mean for this page, and now."""
    past = int(time.time()) - 3600
    return {
        "audience": {"aud": "another client"},
        "expired": {"iat": past - 300, "exp": past},
        "nonce": {"nonce": "another"},
        "issuer": {"iss": "http://evil.example"},
        "signature": {},
    }


def test_a_token_that_is_not_the_provider_s_lets_nobody_in(workspace, provider, organisation, browser):
    with store_of(workspace) as store:
        store.add_account(Account("baker", "", Role.READER, subject="sub-7"), "", now=utc_now())
    page = browser.pages[0]
    for fault, changed in faults().items():
        provider.changed = changed
        if fault == "signature":
            provider.key = type(provider.key).generate_key(2048, {"kid": "one"})
        with page.expect_response(lambda answer: "/oauth2callback" in answer.url):
            by_organisation(page, organisation)
        page.get_by_label("Password").wait_for()
        assert provider.codes == {}, fault  # the code was exchanged: it was the token that was refused
        assert "radrag_login" not in {one["name"] for one in browser.cookies()}, fault
    assert log_ins(workspace) == []


def test_a_cookie_that_streamlit_did_not_sign_is_nobody(workspace, organisation, browser):
    browser.add_cookies([{"name": "_streamlit_user", "value": '{"sub":"sub-7"}', "url": organisation}])
    page = browser.pages[0]
    page.goto(organisation)
    page.get_by_text("cannot be used").wait_for()
    assert "radrag_login" not in {one["name"] for one in browser.cookies()}


def test_a_provider_half_configured_is_said_at_the_start(review_workspace):
    (review_workspace / "secrets.toml").write_text('[auth]\nredirect_uri = "http://127.0.0.1/oauth2callback"\n')
    command = [sys.executable, "-c", START, "--workspace", str(review_workspace), "review", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "cookie_secret" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
