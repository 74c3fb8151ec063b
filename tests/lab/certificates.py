"""An authority that issues certificates, made with openssl."""

import pathlib
import subprocess
import tempfile


class Authority:
    """`own`, and each one that it issues, is (certificate, key) as PEM text."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._openssl("req", "-x509", *self._new_key("ca.key"), "-subj", "/CN=Authority of the test", "-days", "30",
                      "-out", "ca.pem")
        self.own = self._text("ca.pem"), self._text("ca.key")

    def issue(self, *names, days=30):
        """For these names; `days` below zero: it has expired."""
        self._openssl("req", *self._new_key("key"), "-subj", f"/CN={names[0]}", "-addext",
                      "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-out", "request")
        self._openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", str(days),
                      "-copy_extensions", "copy", "-out", "certificate")
        return self._text("certificate"), self._text("key")

    def _new_key(self, file):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file]

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self._folder.name, check=True, capture_output=True)

    def _text(self, file):
        return (pathlib.Path(self._folder.name) / file).read_text()
