"""The part of WeasyPrint that the service uses (weasyprint.org)."""

from weasyprint.urls import URLFetcher

class HTML:
    def __init__(self, *, string: str, base_url: str, url_fetcher: URLFetcher) -> None: ...
    def write_pdf(self) -> bytes: ...
