"""A page is printed without network, whatever it holds."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import CHROMIUM

from recovery_research.reports.pages import print_page


@pytest.fixture
def listener():
    """A server on this machine that remembers what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_printing_asks_nothing_even_of_a_page_that_was_not_cleaned(tmp_path, listener):
    address, asked = listener
    if CHROMIUM is None:
        pytest.skip("NOT TESTED: no Chromium is installed")
    loads = (
        f"<img src={address}/a><iframe src={address}/b></iframe><style>@import "
        f"'{address}/c';</style><script>fetch('{address}/d')</script><link rel=prefetch "
        f"href={address}/e><img src={address.replace('127.0.0.1', 'localhost')}/f>"
    )
    jump = f'<svg><style><meta http-equiv="refresh" content="0;url={address}/g">'
    for number, body in enumerate((loads, jump)):
        page = tmp_path / f"{number}.html"
        page.write_text(f"<!doctype html><body>{body}", encoding="utf-8")
        assert print_page(page, page.with_suffix(".pdf")).stat().st_size > 0
    assert asked == []
