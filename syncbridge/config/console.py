"""`[console]`: how the console shows times and is reached. Who may sign in is said by the environment."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from syncbridge.config.section import Section, Whole


class ConsoleSettings(Section):
    """`[console]`. `timezone`: in which its times are shown. `proxies`: how many reverse proxies stand before the web process.

    With `proxies`, so many of their `X-Forwarded-*` entries are believed; anybody can write the others.
    """

    timezone: str = "UTC"
    proxies: Annotated[Whole, Field(ge=0, le=5)] = 0

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone; write one such as Europe/London") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of its pages."""
        return ZoneInfo(self.timezone)
