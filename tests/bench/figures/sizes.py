# SPDX-License-Identifier: MIT
"""Raw results of growing size, beside a hello-world with a body of the same size."""

from lab.servers import ORIGIN_NETWORK, Nginx
from lib.load import wait_drained

from .. import service as under_test
from ..errors import require
from ..programs import Hello, loadgen
from ..ratio import alternate, row

CONNECTIONS = 8


def size_text(size):
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def fetched(service, nginx, size, path):
    """A finished task whose result has `size` bytes; its id goes to `path`."""
    content = bytes(i % 251 for i in range(1 << 16)) * (size // (1 << 16) + 1)
    name = f"{size}.bin"  # of its own, because nginx keeps what it has read of a file
    (nginx.directory / "www" / name).write_bytes(content[:size])
    with service.client() as client:
        task_id = client.fetch(f"{nginx.url}/{name}")
        wait_drained(service)
        answer = client.raw_result(task_id)
        require(answer.status == 200 and answer.body == content[:size],
                f"a result of {size} bytes came back wrong: {answer.status}, {len(answer.body)} bytes")
    path.write_text(f"{task_id} {size}\n")
    return path


def as_megabytes(found, size):
    return {**found, "per_s": found["per_s"] * size / 1e6}


def measure(run, names):
    options = run.options
    with run.directory("sizes") as directory, Nginx(directory / "nginx") as nginx, \
            under_test.running(directory / "service", fetch_allow=ORIGIN_NETWORK) as service:
        for size in options.body_bytes:
            ids = fetched(service, nginx, size, directory / "ids")
            with Hello(size) as hello:
                found = alternate(
                    options.rounds,
                    lambda: as_megabytes(
                        loadgen("get", hello.port, CONNECTIONS, options.seconds, "--bytes", size), size),
                    {"content": lambda: as_megabytes(under_test.measured(
                        service, "content", CONNECTIONS, options.seconds, "--ids", ids), size)},
                )
            for name in names:
                run.add(row(name, size_text(size), "MB/s", f"hello {size_text(size)}", found["content"]))
