"""A resolver behind the cache: looks up all parents of a level at once, computes the misses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from hashlib import blake2b
from typing import Any

import msgspec

from weft.cache.answers import Taken
from weft.cache.cache import Cache
from weft.cache.compute import Computation, finished
from weft.cache.context import CachingContext
from weft.cache.entry import NOTHING, Codec
from weft.cache.policy import CachePolicy, CacheScope
from weft.cache.shape import shape_of
from weft.declare.info import Info

NO_ARGUMENTS = b""
ROOT_KEY = ""
ARGUMENTS_BYTES = 12

encode_sorted = msgspec.json.Encoder(enc_hook=repr, order="sorted").encode


def cached(resolver: Callable[..., Any], policy: CachePolicy) -> Callable[..., Any]:
    """Returns a resolver of all parents that looks into the cache of `info.context` first."""
    codec, shape = Codec(policy), shape_of(policy.value_type)

    @wraps(resolver)
    async def resolve(parents: Sequence[Any], info: Info, **arguments: Any) -> Sequence[Any]:
        context: CachingContext = info.context
        cache = context.cache
        if cache is None or not (policy.only_if is None or policy.only_if(arguments)):
            return await finished(resolver(parents, info, **arguments))
        if policy.seen_as is not None:
            context = context.seen_by(policy.seen_as(context.viewer, parents))
        viewer = context.viewer_key if policy.scope is CacheScope.VIEWER else ""
        variant = (viewer, _digest(arguments))
        keys = [policy.key(parent) for parent in parents]
        entries = cache.entries(policy, info.coordinate, variant, keys, arguments, shape)
        found = await cache.look_up(entries, codec, keys, arguments, info.context)
        values, rejected = found or ([NOTHING] * len(parents), 0)
        places = [place for place, value in enumerate(values) if value is NOTHING]
        _count(cache, info, len(parents), len(places), rejected, asked=found is not None)
        if not places and info.context.taken is not None:
            info.context.taken.append(Taken(info.coordinate, entries, values))
        if places:
            level = Computation(
                *(resolver, policy, codec, cache, context, info.coordinate),
                *(parents, arguments, keys, entries, values),
            )
            if found is not None and policy.once_ms:
                await level.compute_once(places)
            else:
                await level.compute(places, is_stored=found is not None)
        return values

    return resolve


def cached_root(resolver: Callable[..., Any], policy: CachePolicy) -> Callable[..., Any]:
    """As `cached`, for a field without parents."""

    async def as_level(parents: Sequence[Any], info: Info, **arguments: Any) -> list[Any]:
        return [await finished(resolver(info, **arguments))]

    level = cached(as_level, replace(policy, key=lambda _: ROOT_KEY))

    @wraps(resolver)
    async def resolve(info: Info, **arguments: Any) -> Any:
        (value,) = await level([None], info, **arguments)
        return value

    return resolve


def _count(
    cache: Cache, info: Info, asked_for: int, missing: int, rejected: int, *, asked: bool
) -> None:
    explanation = getattr(info.context, "explanation", None)
    for report in (cache.counts, *((explanation.cache,) if explanation else ())):
        if asked:
            hits = asked_for - missing
            report.add(info.coordinate, hits=hits, misses=missing, rejected=rejected)
        else:
            report.add(info.coordinate, bypassed=asked_for)


def _digest(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as part of a key: equal for equal arguments in any order."""
    if not arguments:
        return NO_ARGUMENTS
    return blake2b(encode_sorted(arguments), digest_size=ARGUMENTS_BYTES).hexdigest().encode()
