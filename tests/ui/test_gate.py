"""A stranger gets nothing but the way to log in: every route, the socket, the form, and how a log-in ends."""

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged_in import PASSWORD, password_hash
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import Runtime

from radrag.domain import Role
from radrag.people import accounts
from radrag.store.canonical import utc_now
from radrag.store.people_values import FAILURES, IDLE_SECONDS, LOGIN_SECONDS, Account, after
from radrag.store.repository import Store
from ui import gate, login, server
from ui.streamlit_options import options

HOST = "radrag.example"
STREAM = f"ws://{HOST}/_stcore/stream"
HTML = {"Accept": "text/html,*/*"}
SECRET = "pixels of somebody's chest"


def _pixels(request):
    return PlainTextResponse(f"{SECRET} for {request.scope[gate.ACCOUNT].name}")


@pytest.fixture(scope="module")
def app():
    """The server's app on a database in memory, with a route such as images have; its store is ``app.store``."""
    before = Runtime._instance
    Runtime._instance = None  # Streamlit allows one in a process
    patch = pytest.MonkeyPatch()
    patch.setattr(server, "ROUTES", [Route("/pixels/{draft_id}/{number:int}", _pixels), *server.ROUTES])
    with Store.open("sqlite://", who="admin") as store:
        store.add_account(Account("adams", "Dr. A. Adams", Role.READER), password_hash(), now=utc_now())
        built = server.build(store, hosts=[HOST], seconds_between_looks=0.05)
        with TestClient(built, base_url=f"http://{HOST}"):
            built.store = store
            yield built
    patch.undo()
    Runtime._instance = before


@pytest.fixture
def browser(app):
    """A browser without cookies that follows no redirect."""
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


@pytest.fixture
def at(monkeypatch):
    """Set the time of log-ins to so many seconds from now."""

    def set_(seconds):
        moment = after(utc_now(), seconds)
        monkeypatch.setattr(gate, "now", lambda: moment)

    return set_


def form_token(browser, **query):
    page = browser.get("/login", params=query, headers=HTML)
    return re.search(r'name="form" value="([^"]+)"', page.text).group(1)


def send(browser, name="adams", password=PASSWORD, *, wanted="/", origin=f"http://{HOST}", token=None, **fields):
    token = form_token(browser) if token is None else token
    headers = {"Origin": origin} if origin else {}
    data = {"name": name, "password": password, "next": wanted, "form": token, **fields}
    return browser.post("/login", data=data, headers=headers)


@pytest.fixture
def reader(app, browser):
    """A browser that is logged in as adams."""
    passed = accounts.log_in_as(app.store, app.store.account("adams"), now=gate.now())
    browser.cookies.set(gate.COOKIE, passed.token, domain=HOST)
    return browser


def paths(app):
    """Yield every path that the app knows, with its methods."""
    for route in app._starlette_app.routes:
        if isinstance(route, Route):
            yield re.sub(r"{[^}]*:int}", "1", re.sub(r"{[^}:]*(:path)?}", "x", route.path)), route.methods
        elif isinstance(route, Mount):
            for path in ("", "/", "/index.html", "/favicon.png", "/review", "/static/js/x.js", "/manifest.json"):
                yield route.path + path or "/", {"GET", "HEAD"}


# What a stranger gets


def test_no_route_answers_a_stranger_but_those_to_log_in(app, browser):
    seen = set()
    for path, methods in paths(app):
        for method in methods:
            plain = browser.request(method, path)
            page = browser.request(method, path, headers=HTML)
            if path in gate.OPEN:
                seen.add(path)
                continue
            assert plain.status_code == 401, (method, path)
            assert plain.text in {"Log in first.", ""}
            assert page.status_code in (401, 303), (method, path)
            assert page.status_code == 401 or page.headers["location"].startswith("/login?next=%2F")
    assert seen == gate.OPEN
    assert len([path for path, _ in paths(app)]) > 20


def test_what_the_open_paths_say_to_a_stranger_is_no_data(browser):
    assert browser.get("/_stcore/health").text == "ok"
    assert browser.get("/login/style.css").headers["content-type"].startswith("text/css")
    assert "--rr-ground" in browser.get("/login/style.css").text
    assert browser.get("/login/icon.svg").headers["content-type"] == "image/svg+xml"
    assert "Dr. A. Adams" not in browser.get("/login").text


@pytest.mark.parametrize(
    "path",
    [
        "/login/",
        "//login",
        "/login/../pixels/d1/0",
        "/login/..%2Fpixels/d1/0",
        "/login%2F..%2Fpixels/d1/0",
        "/LOGIN/x",
        "/_stcore/health/../host-config",
        "/login;x=/../pixels/d1/0",
        "/login\x00",
    ],
)
def test_no_spelling_leads_around_the_gate(browser, path):
    answer = browser.get(f"http://{HOST}{quote(path, safe='/%;=.')}")
    assert answer.status_code in (400, 401, 303)
    assert SECRET not in answer.text


def test_a_stranger_gets_no_image_bytes_and_a_reader_does(reader):
    token = reader.cookies.pop(gate.COOKIE)
    assert reader.get("/pixels/d1/0").status_code == 401
    assert SECRET not in reader.get("/pixels/d1/0", headers=HTML).text
    reader.cookies.set(gate.COOKIE, token[:-1] + ("A" if token[-1] != "A" else "B"), domain=HOST)
    assert reader.get("/pixels/d1/0").status_code == 401
    reader.cookies.set(gate.COOKIE, token, domain=HOST)
    assert reader.get("/pixels/d1/0").text == f"{SECRET} for adams"


def test_every_socket_of_the_app_is_closed_to_strangers(app, browser):
    sockets = [route.path for route in app._starlette_app.routes if isinstance(route, WebSocketRoute)]
    assert sockets
    for path in [*sockets, "/anything"]:
        with pytest.raises(WebSocketDisconnect) as refused, browser.websocket_connect(f"ws://{HOST}{path}"):
            pass
        assert refused.value.code == gate.OVER


def test_a_reader_s_socket_opens(reader):
    with reader.websocket_connect(STREAM, headers={"Origin": f"http://{HOST}"}):
        pass


def test_a_socket_ends_with_its_log_in(app, reader):
    with reader.websocket_connect(STREAM, headers={"Origin": f"http://{HOST}"}) as socket:
        app.store.log_out_everywhere("adams")
        with pytest.raises(WebSocketDisconnect) as ended:
            for _ in range(1000):
                socket.receive_bytes()
        assert ended.value.code == gate.OVER


def test_a_page_of_another_name_that_points_here_gets_nothing(app, reader):
    for headers in ({"Host": "rebound.example"}, {"Host": "rebound.example:80", **HTML}, {"Host": "[::"}):
        answer = reader.get("/login", headers=headers)
        assert answer.status_code == 421
        with pytest.raises(WebSocketDisconnect), reader.websocket_connect(STREAM, headers=headers):
            pass


def test_pages_are_not_kept_not_framed_and_run_no_foreign_script(reader):
    for path in ("/", "/login", "/pixels/d1/0", "/nowhere", "/_stcore/health"):
        headers = reader.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "'unsafe-inline'" not in policy.partition("style-src")[0]
        assert "http" not in policy


# Logging in


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(browser):
    asked = browser.get("/review?draft=a%26b&x=1", headers=HTML)
    assert asked.status_code == 303
    form = browser.get(asked.headers["location"], headers=HTML)
    assert 'value="/review?draft=a%26b&amp;x=1"' in form.text
    answer = send(browser, wanted="/review?draft=a%26b&x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/review?draft=a%26b&x=1"
    assert browser.get("/", headers=HTML).status_code == 200
    assert browser.get("/login?next=/review", headers=HTML).headers["location"] == "/review"


def test_the_cookie_is_for_this_server_alone(browser):
    (cookie,) = [one for one in send(browser).headers.get_list("set-cookie") if one.startswith(gate.COOKIE + "=")]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "samesite=strict", "path=/"}


def test_over_https_the_cookie_never_goes_in_the_clear(app):
    browser = TestClient(app, base_url=f"https://{HOST}", follow_redirects=False)
    answer = send(browser, origin=f"https://{HOST}")
    assert answer.status_code == 303
    assert all("secure" in one.lower() for one in answer.headers.get_list("set-cookie") if "Max-Age=0" not in one)


@pytest.mark.parametrize(("name", "password"), [("adams", "wrong password"), ("nobody", PASSWORD), ("", "")])
def test_all_failures_look_alike_and_set_no_log_in(browser, name, password):
    answer = send(browser, name, password)
    assert answer.status_code == 401
    assert accounts.REFUSED in answer.text
    assert 'role="alert"' in answer.text
    assert gate.COOKIE not in answer.headers.get("set-cookie", "")


def test_the_typed_name_comes_back_as_text_and_the_password_does_not(browser):
    answer = send(browser, '"><script>alert(1)</script>', "my own password")
    assert "<script" not in answer.text
    assert "&quot;&gt;&lt;script&gt;" in answer.text
    assert "my own password" not in answer.text


def test_a_form_of_another_site_is_refused(app, browser):
    for origin in ("http://evil.example", "null", f"http://{HOST}.evil.example", "", f"http://{HOST}:81"):
        answer = send(browser, origin=origin)
        assert answer.status_code == 403
        assert gate.COOKIE not in answer.headers.get("set-cookie", "")


def test_a_form_that_this_browser_was_not_given_is_refused(app, browser):
    stranger = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)
    for token in ("", "x", form_token(stranger)):
        assert send(browser, token=token).status_code == 403
    assert send(stranger).status_code == 303


def test_what_is_no_form_is_refused(browser):
    form_token(browser)
    for body in (b"", b"\xff" * 50, b"name=" + b"x" * 20_000, b"&".join([b"a=b"] * 100)):
        answer = browser.post("/login", content=body, headers={"Origin": f"http://{HOST}"})
        assert answer.status_code == 403


def test_five_failures_close_the_account_for_the_right_password_too(app, browser, at):
    app.store.add_account(Account("baker", "", Role.READER), password_hash(), now=utc_now())
    for _ in range(FAILURES):
        send(browser, "baker", "wrong password")
    answer = send(browser, "baker")
    assert answer.status_code == 401
    assert accounts.REFUSED in answer.text  # the same words: they do not tell that the password was right
    at(15 * 60 + 1)
    assert send(browser, "baker").status_code == 303


def test_the_address_of_the_browser_is_on_record(app, browser):
    send(browser)
    last = app.store.audit_entries(after=app.store.audit_head()[0] - 1)[0]
    assert (last.what, last.who, last.origin) == ("login", "adams", "testclient")


def test_logging_in_again_ends_the_log_in_before(app, browser):
    send(browser)
    first = browser.cookies[gate.COOKIE]
    browser.cookies.clear()
    browser.cookies.set(gate.COOKIE, first, domain=HOST)
    token = re.search(r'name="form" value="([^"]+)"', TestClient(app, base_url=f"http://{HOST}").get("/login").text)
    browser.cookies.set(login.FORM_COOKIE, token.group(1), domain=HOST, path="/login")
    assert send(browser, token=token.group(1)).status_code == 303
    assert gate.account_of(app.store, first, False) is None


def test_without_accounts_the_page_says_how_to_make_one():
    with Store.open("sqlite://") as store:
        pages = login.LoginPages(store, "light")
        page = TestClient(Starlette(routes=pages.routes())).get("/login")
    assert "radrag users add NAME" in page.text
    assert 'class="rr-light"' in page.text


def test_a_link_on_another_site_asks_once_more_for_the_strict_cookie(reader):
    page = reader.get("/login?next=/review%3Fdraft%3Dd1", headers={**HTML, "Sec-Fetch-Site": "cross-site"})
    (target,) = re.findall(r'content="0;url=([^"]+)"', page.text)
    assert reader.get(target, headers=HTML).headers["location"] == "/review?draft=d1"


# How a log-in ends


def test_logging_out_ends_the_log_in_for_good(app, reader):
    token = reader.cookies[gate.COOKIE]
    answer = reader.get("/logout", headers=HTML)
    assert answer.headers["location"] == "/login?out"
    assert login.OUT in reader.get("/login?out", headers=HTML).text
    assert gate.COOKIE not in reader.cookies
    reader.cookies.set(gate.COOKIE, token, domain=HOST)
    assert reader.get("/pixels/d1/0").status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(IDLE_SECONDS - 5, 200), (IDLE_SECONDS + 1, 401)])
def test_half_an_hour_of_nothing_ends_it(reader, at, seconds, status):
    at(seconds)
    assert reader.get("/pixels/d1/0").status_code == status


def test_asking_for_images_is_a_sign_of_life_and_what_the_page_asks_by_itself_is_none(reader, at):
    at(IDLE_SECONDS - 60)
    assert reader.get("/_stcore/host-config").status_code == 200
    assert reader.get("/pixels/d1/0").status_code == 200
    at(2 * IDLE_SECONDS - 120)
    assert reader.get("/_stcore/host-config").status_code == 200
    at(2 * IDLE_SECONDS)
    assert reader.get("/pixels/d1/0").status_code == 401


def test_twelve_hours_end_it_whatever_is_done(reader, at):
    for seconds in range(0, LOGIN_SECONDS - 5, IDLE_SECONDS // 2):
        at(seconds)
        assert reader.get("/pixels/d1/0").status_code == 200
    at(LOGIN_SECONDS + 1)
    assert reader.get("/pixels/d1/0").status_code == 401


def message(kind, **values):
    said = BackMsg()
    getattr(said, kind).SetInParent()
    for name, value in values.items():
        setattr(getattr(said, kind), name, value)
    return {"type": "websocket.receive", "bytes": said.SerializeToString()}


def test_a_timer_of_the_page_is_not_the_person():
    assert gate.by_person(message("rerun_script"))
    assert gate.by_person(message("rerun_script", fragment_id="f"))
    assert not gate.by_person(message("rerun_script", fragment_id="f", is_auto_rerun=True))
    assert not gate.by_person({"type": "websocket.receive", "bytes": BackMsg(app_heartbeat=True).SerializeToString()})
    assert not gate.by_person({"type": "websocket.receive", "bytes": b"\xff\xff"})
    assert not gate.by_person({"type": "websocket.disconnect"})


# Where the form may lead


@pytest.mark.parametrize(
    "wanted",
    ["/", "/review", "/review?draft=a%26b", "/worklist?status=final#x", "/?a=/login", "/login-help"],
)
def test_paths_of_this_server_stay_as_they_are(wanted):
    assert login.local(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    ["", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", " /x",
     "\\\\evil", "/x\nSet-Cookie: a=b", "/login", "/login?next=/login", "/logout", "/logout/", "evil", "/é"],
)  # fmt: skip
def test_everything_else_leads_to_the_worklist(wanted):
    assert login.local(wanted) == "/"


@given(st.text(st.characters(max_codepoint=0x17F), max_size=30) | st.text("/\\.:@evil\t\n ", max_size=12))
def test_no_text_leads_to_another_server(wanted):
    found = login.local(wanted)
    as_browsers_read = re.sub(r"[\t\n\r]", "", found).replace("\\", "/")
    assert as_browsers_read.startswith("/")
    assert not as_browsers_read.startswith("//")
    assert not urlsplit(as_browsers_read).netloc


@pytest.mark.parametrize(
    ("host", "name"),
    [("radrag.example:8501", "radrag.example"), ("RadRag.Example.", "radrag.example"), ("[::1]:80", "::1"), ("", ""),
     ("[::", ""), ("a:b:c", "a")],
)  # fmt: skip
def test_names_are_read_from_host_headers(host, name):
    assert gate.host_name(host) == name


# What Streamlit is told


def test_every_option_is_one_that_streamlit_knows():
    known = set(config.get_config_options())
    for theme in ("dark", "light"):
        assert set(options(port=1, theme=theme, hosts=["a"], secrets=Path("s"))) <= known


def test_streamlit_s_other_ways_in_are_shut():
    told = options(port=1, theme="dark", hosts=["a"], secrets=Path("s"))
    assert told["browser.gatherUsageStats"] is False
    assert told["server.enableAgentApi"] is False
    assert told["server.enableStaticServing"] is False
    assert told["server.trustedUserHeaders"] == {}
    assert told["server.allowedHosts"] == ["a"]
    assert told["client.showErrorDetails"] == "type"
    assert told["secrets.files"] == ["s"]
