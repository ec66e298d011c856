"""An HTTP receiver on loopback, for whatever sends messages."""

import http.server
import json
import threading


class Receiver:
    """An HTTP server on loopback that keeps what it is sent, and answers `status`."""

    def __init__(self):
        self.received, self.status = [], 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"json://127.0.0.1:{self.server.server_port}/secret-token"
