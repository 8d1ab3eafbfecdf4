"""What the tests of sending share: a workspace with a signed report, messages, and receivers that fail when told."""

import contextlib
import http.server
import json
import socket
import socketserver
import ssl
import threading
from email.message import Message as Mail

from export_support import SALT, SENTENCES, draft, study
from review_support import event

from radrag.exchange.destinations import read_destinations
from radrag.review.decisions import apply, begin
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act
from radrag.settings import load_settings
from radrag.store.outbox_values import Message, MessageState
from radrag.workspace import Workspace

DRAFT = "5d3c0f6e9a1b4c2d8e7f001122334455"


def a_message(form="sr", identity="1.2.3", kind="dicom", **values):
    """A claimed message."""
    given = {
        **{"id": 1, "draft_id": DRAFT, "version": 6, "report_state": "final", "identified": True, "form": form},
        **{"destination": "there", "kind": kind, "identity": identity, "sha256": "ab" * 32, "size": 5},
        **{"asked_by": "adams", "state": MessageState.SENDING, "attempts": 1, "failures": 0, "refusals": 0},
        **{"not_before": "", "worker": "w", "lease_until": "", "error_code": "", "error": ""},
        **{"acknowledgement": {}, "created_at": "", "ended_at": ""},
    }
    return Message(**given | values)


def a_destination(**table):
    """One destination, called "there"."""
    return read_destinations({"there": table}, {})["there"]


def workspace_of(folder, destinations=None, *, signed=True, images=True, sentences=SENTENCES):
    """A workspace with one draft, signed or not, of images that lie beside it."""
    root = folder / "workspace"
    root.mkdir(exist_ok=True)
    made = Workspace(load_settings(workspace=root, patient_salt=SALT, destinations=destinations or {}))
    files = folder / "images"
    files.mkdir(exist_ok=True)
    one = draft(study(files if images else None), sentences)
    made.store.save_draft(one)
    if signed:
        sign(made.store, one)
    return made


def sign(store, one):
    """Accept each sentence and sign; return the review."""
    review = begin(one)
    for item in review.items:
        review = _act(store, one, review, Act.ACCEPT, item=item.key)
    return _act(store, one, review, Act.SIGN, attestation=ATTESTATION, name="Dr. Ada Adams")


def add_to(store, one, review):
    """Sign an addendum."""
    return _act(store, one, review, Act.ADDENDUM, attestation=ATTESTATION, name="Dr. Ada Adams", text="Discussed.")


def _act(store, one, review, kind, **payload):
    done = event(review, kind, **payload)
    after = apply(review, done)
    store.add_review_event(one.draft_id, done, status=after.state.value)
    return after


def server_context(own, key):
    """The server's side of TLS, which lets in only those who show the same certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=own)
    context.load_cert_chain(own, key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def closed_port():
    """A port that nobody listens on."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class WebReceiver:
    """A server that keeps what is posted to it, and answers as told.

    ``answers`` are used up first; then ``answer`` is given. An answer is (status, JSON or bytes), or a function of
    path, headers and body that returns one; None says nothing until the client gives up.
    """

    def __init__(self, answer, *, tls=None):
        self.answer, self.answers, self.got, self._tls = answer, [], [], tls
        self._release = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers, body))
                chosen = receiver.answers.pop(0) if receiver.answers else receiver.answer
                said = chosen(self.path, self.headers, body) if callable(chosen) else chosen
                if said is None:
                    receiver._release.wait(20)
                    return
                status, value = said
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        _over_tls(self._server, tls)

    @property
    def url(self):
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


def _over_tls(server, context):
    """Let a server of the standard library speak TLS; handshakes that fail are not its concern."""
    server.handle_error = lambda *_: None
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)


def multipart(headers, body):
    """The parts of a multipart/related body."""
    mail = Mail()
    mail["Content-Type"] = headers["Content-Type"]
    boundary = mail.get_param("boundary")
    assert mail.get_content_type() == "multipart/related" and mail.get_param("type") == "application/dicom"
    parts = body.split(f"--{boundary}".encode())
    assert parts[0] == b"" and parts[-1] == b"--\r\n"
    return [part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts[1:-1]]


def stored(_path, headers, body):
    """The answer of a DICOMweb server that has stored the object."""
    import io

    from pydicom import dcmread

    (part,) = multipart(headers, body)
    uid = str(dcmread(io.BytesIO(part)).SOPInstanceUID)
    return 200, {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [uid]}}]}}


def transacted(_path, _headers, body):
    """The answer of a FHIR server that has carried out the transaction."""
    bundle = json.loads(body)
    entries = [
        {"response": {"status": "201 Created", "location": f"{one['resource']['resourceType']}/x{number}/_history/1"}}
        for number, one in enumerate(bundle["entry"])
    ]
    return 200, {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


class HospitalSystem:
    """A receiver of HL7 v2 over MLLP; ``reply`` makes the bytes that answer a message (None: hangs up)."""

    def __init__(self, reply=None, *, tls=None):
        self.got, self.reply = [], reply or acknowledging("AA")
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                read = b""
                while not read.endswith(b"\x1c\x0d"):
                    part = self.request.recv(65536)
                    if not part:
                        return
                    read += part
                assert read.startswith(b"\x0b") and read.count(b"\x0b") == 1
                receiver.got.append(read[1:-2])
                said = receiver.reply(read[1:-2])
                if said is not None:
                    self.request.sendall(said)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        _over_tls(self._server, tls)

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def acknowledging(code, *, of=None, rest=""):
    """Return what answers a message with a code, made by another library."""

    def reply(message):
        from hl7apy.core import Message as HL7

        answer = HL7("ACK", version="2.5.1")
        answer.msh.msh_9, answer.msh.msh_10 = "ACK^R01^ACK", "ANSWER1"
        answer.add_segment("MSA")
        answer.msa.msa_1 = code
        answer.msa.msa_2 = of or message.split(b"\r")[0].split(b"|")[9].decode()
        return b"\x0b" + answer.to_er7().encode() + b"\r" + rest.encode() + b"\x1c\x0d"

    return reply


class Archive:
    """A storage SCP in this process that keeps data sets as they came, and answers with ``status``."""

    def __init__(self, *, classes=None, title="PACS", known=None, status=0x0000, tls=None):
        from pynetdicom import AE, StoragePresentationContexts, evt

        self.got, self.status = [], status
        entity = AE(ae_title=title)
        entity.require_called_aet = True
        entity.require_calling_aet = known or []
        if classes is None:
            entity.supported_contexts = StoragePresentationContexts
        else:
            entity.add_supported_context(*classes)
        self._server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)], ssl_context=tls
        )

    def _store(self, event):
        self.got.append(
            (event.assoc.requestor.ae_title, event.context.transfer_syntax, event.request.DataSet.getvalue())
        )
        return self.status

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
