"""How WeasyPrint asks for what a page refers to."""

from collections.abc import Mapping

class URLFetcherResponse:
    def __init__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None: ...

class URLFetcher:
    def __init__(self) -> None: ...
    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse: ...
