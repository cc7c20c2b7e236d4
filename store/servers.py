"""Redis clients for a URL: of one server, or of whichever server the Sentinels name as the primary now."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio

from smsfleet.config.redis_urls import SentinelUrl, by_sentinels, sentinel_url

SENTINEL_TIMEOUT_S = 1.0
"""A Sentinel that does not answer must not keep a call as long as a server may: there are others to ask."""


def blocking_client(url: str, options: dict[str, Any]) -> redis.Redis:
    """A client that blocks; each connection that it makes anew asks the Sentinels again."""
    if not by_sentinels(url):
        return redis.Redis.from_url(url, **options)
    client: redis.Redis = _primary(redis.Sentinel, sentinel_url(url), options)
    return client


def async_client(url: str, options: dict[str, Any]) -> redis.asyncio.Redis:
    """The same, awaited."""
    if not by_sentinels(url):
        return redis.asyncio.Redis.from_url(url, **options)
    client: redis.asyncio.Redis = _primary(redis.asyncio.Sentinel, sentinel_url(url), options)
    return client


def _primary(sentinel: Any, found: SentinelUrl, options: dict[str, Any]) -> Any:
    asking = {"socket_timeout": SENTINEL_TIMEOUT_S, "socket_connect_timeout": SENTINEL_TIMEOUT_S}
    asked = sentinel(found.sentinels, sentinel_kwargs={**asking, **found.login})
    return asked.master_for(found.master_name, **found.server, **options)
