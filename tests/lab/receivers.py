"""Whom notifications go to: a real SMTP server (aiosmtpd), an HTTP receiver, and certificates for both."""

import email
import email.policy
import http.server
import logging
import pathlib
import ssl
import subprocess
import tempfile
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


# Clients that refuse our certificate are what some tests are about.
for name in ("mail.log", "asyncio"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Authority:
    """A CA of the test's own, and a certificate by it for one address."""

    def __init__(self, address):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)

        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2")
        openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={address}")
        (folder / "names").write_text(f"subjectAltName=IP:{address}\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "names", "-out", "server.pem")
        self.pem = (folder / "ca.pem").read_text()
        self._chain = folder

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain / "server.pem", self._chain / "server.key")
        return context


class MailServer:
    """Takes mails on a host's address. tls: None, "starttls" or "smtps"; login: (name, password), then nobody else may send;
    refuses: a recipient that it does not know."""

    def __init__(self, host, port, *, authority=None, tls=None, login=None, refuses=None):
        self.host, self.mails = host, []
        options = {}
        if tls == "starttls":
            options |= {"tls_context": authority.context(), "require_starttls": True}
        if login:
            options |= {"auth_required": True, "auth_require_tls": tls == "starttls", "authenticator": self._authenticate}
        if tls == "smtps":
            options["ssl_context"] = authority.context()
        self._login, self._refuses = login, refuses
        self._controller = Controller(self, hostname=host.address, port=port, **options)
        with host.network():
            self._controller.start()

    def stop(self):
        self._controller.stop()

    def _authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._login, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self._refuses:
            return "550 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.recipients, mail.encrypted = envelope.rcpt_tos, server.transport.get_extra_info("cipher") is not None
        self.mails.append(mail)
        return "250 OK"

    def subjects(self):
        return [mail["Subject"] for mail in self.mails]


class Receiver:
    """Takes HTTP requests on a host's address; `judge` looks at one and gives (status, body) to answer."""

    def __init__(self, host, port, judge=lambda request: (200, "ok"), authority=None):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(self)
                status, text = judge(self)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        with host.network():
            self._server = http.server.ThreadingHTTPServer((host.address, port), Handler)
        self._server.handle_error = lambda *_: None  # who hangs up or refuses our certificate
        if authority:
            self._server.socket = authority.context().wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
