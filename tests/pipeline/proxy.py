"""A proxy that writes down what is asked of the network, and lets nothing through."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CountingProxy:
    """What programs asked for through the proxy at `address`."""

    def __init__(self, address: str) -> None:
        self.requests: list[str] = []
        self.environment = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
        self.environment |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


@contextmanager
def counting_proxy() -> Iterator[CountingProxy]:
    """A proxy on the loopback interface, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            proxy.requests.append(self.requestline)
            self.send_error(502)

        do_CONNECT = do_GET = do_HEAD = do_POST = refuse  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = CountingProxy(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
