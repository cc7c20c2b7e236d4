"""The settings about credits: what a message costs, and what is to be spent in a month (guide §4, §7)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from smsfleet.config.days import zone
from smsfleet.config.environment import EnvironmentSettings
from smsfleet.config.tariff import read_tariff

MOST_CREDITS = 1_000_000_000


def _tariff(value: str) -> str:
    read_tariff(value)
    return value


def _zone(value: str) -> str:
    zone(value)
    return value


def _day(value: str) -> str:
    if value:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date as 2026-11-16") from None
    return value


LIVE_CREDITS = ("tariff", "credit_minimum", "credit_alert", "production_since")
"""Those that a reload changes. The time zone is none of them: a day must not end twice."""


class CreditSettings(EnvironmentSettings):
    """A part of `Settings`."""

    tariff: Annotated[str, AfterValidator(_tariff)] = Field(
        "",
        description="credits of a segment by prefix: 44=2,27=5/3,*=1; the longest prefix counts; 1 where "
        "none fits; the test ranges cost 1/3 (guide §3)",
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="time zone of the account, as Africa/Johannesburg: its months count credits"
    )
    credit_minimum: int = Field(
        5000, ge=0, le=MOST_CREDITS, description="credits to be spent in a month (guide §7); 0: no minimum"
    )
    production_since: Annotated[str, AfterValidator(_day)] = Field(
        "",
        description="first day on the production server, as 2026-11-16: the minimum of its month is pro "
        "rata, before it there is none (guide §4); empty: long ago",
    )
    credit_alert: int = Field(
        0, ge=0, le=MOST_CREDITS, description="balance below which operators are warned; 0: never"
    )

    @property
    def production_day(self) -> date | None:
        """The first day in production; None: long ago."""
        return date.fromisoformat(self.production_since) if self.production_since else None
