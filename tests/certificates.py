"""A certificate that vouches for itself."""

import shutil
import ssl
import subprocess

from support import missing


def self_signed(folder, name="IP:127.0.0.1"):
    """Write certificate and key for a name into a folder; return their paths."""
    if shutil.which("openssl") is None:
        missing("openssl")
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName={name}"
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    names = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=30)
    return certificate, key


def server_context(certificate, key):
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
