"""Paths as the vendor's web server takes them: whatever the case, and below any of several application names."""

from __future__ import annotations

import re

from aiohttp import web


class CaselessResource(web.DynamicResource):
    """A path that matches in any case; `canonical` is as written."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._pattern = re.compile(self._pattern.pattern, re.IGNORECASE)
