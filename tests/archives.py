"""Archives for tests, made in memory."""

import io
import tarfile


def tgz(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    """Return a .tgz of files by name, with further members (links, devices) after them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra:
            tar.addfile(member)
    return buffer.getvalue()
