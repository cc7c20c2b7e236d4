"""What may happen about query_sm: the walk asks, a binder takes a question, the SMSC answers, a duty applies.

And what stays at 003 is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.explore.model import NO_SUCH_COMMAND, TAKE, Configuration, Env
from tests.explore.move import Move, Run, pure
from tests.explore.redis_side import Picture, World

from smsfleet.store.queries import ANSWERED, NACKED, Heard, Query, QueryFact
from smsfleet.store.walks import Known


def questions(env: Env, picture: Picture, configuration: Configuration) -> Iterator[Move]:
    """Every move about query_sm and 003 that is possible now."""
    if env.budget.queries and picture.index:
        yield Move("the walk asks", lambda world: _asked(world, env, picture), progress=False)
    for index, binder in enumerate(env.binders):
        if binder.alive and binder.token and binder.stage == TAKE and not binder.paused:
            if picture.questions and not binder.asking:
                yield Move(f"{binder.name} takes a question", _take(env, index))
            if binder.asking:
                yield from _ends(env, index, configuration)
    yield from _applying(env, picture)
    if env.budget.closes and env.late and picture.index:
        yield Move("what stays at 003 is closed", lambda world: _closed(world, env, picture), progress=False)


def _known(picture: Picture) -> list[Known]:
    return [Known(message_id, ref) for message_id, ref in sorted(picture.index.items())]


def _asked(world: World, env: Env, picture: Picture) -> Env:
    found = world.run(world.walks(env.now_ms).open_segments(_known(picture)))
    if found:
        world.run(
            world.queries(env.now_ms).ask([Query(one.known.ref, one.known.message_id) for one in found])
        )
    return env.spend("queries")


def _take(env: Env, index: int) -> Run:
    def run(world: World) -> Env:
        query = world.run(world.queries(env.now_ms).take())
        assert query is not None
        return env.with_binder(index, asking=(query.ref, query.message_id))

    return run


def _ends(env: Env, index: int, configuration: Configuration) -> Iterator[Move]:
    binder = env.binders[index]
    query = Query(*binder.asking)
    name = query.message_id.decode()
    over = env.with_binder(index, asking=())

    def told(status: int) -> Run:
        def run(world: World) -> Env:
            world.run(world.queries(env.now_ms).tell(query, ANSWERED, 0, status))
            return over._replace(told=tuple(sorted({*env.told, (name, status)})))

        return run

    for status in (8, *configuration.answers):
        yield Move(f"{binder.name} hears that {name} is {status}", told(status))
    if env.budget.nacks:

        def nacked(world: World) -> Env:
            world.run(world.queries(env.now_ms).tell(query, NACKED, NO_SUCH_COMMAND))
            return over.spend("nacks")

        yield Move(f"{binder.name} hears a generic_nack", nacked, progress=False)


# --- the duties --------------------------------------------------------------------------------------


def _applying(env: Env, picture: Picture) -> Iterator[Move]:
    """A worker applies answers; or reads them, stops, and applies what another has applied meanwhile."""
    if picture.answers:
        yield Move("a worker applies answers", lambda world: _applied(world, env, _read(world, env)))
        if env.budget.stalls and not env.heard:

            def stall(world: World) -> Env:
                return env.spend("stalls")._replace(heard=tuple(_read(world, env)))

            yield Move("a worker reads answers and stalls", stall, progress=False)
    if env.heard:

        def late(world: World) -> Env:
            return _applied(world, env, env.heard)._replace(heard=())

        yield Move("the stalled worker applies answers", late, progress=False)
        yield pure("the stalled worker dies with answers", env._replace(heard=()), progress=False)


def _read(world: World, env: Env) -> list[QueryFact]:
    return world.run(world.queries(env.now_ms).read(100))


def _applied(world: World, env: Env, facts: Sequence[QueryFact]) -> Env:
    queries = world.queries(env.now_ms)
    heard = [Heard(fact, fact.message_state, f" {fact.message_state or 'refused'}") for fact in facts]
    words = world.run(queries.apply(heard))
    for fact, word in zip(facts, words, strict=True):
        if fact.kind == NACKED and word != "done":
            world.run(queries.switch_off("generic_nack"))
    return env


def _closed(world: World, env: Env, picture: Picture) -> Env:
    # There is no third moment: whatever is at 003 late has been so for long enough.
    world.run(world.walks(env.now_ms).close_unconfirmed(_known(picture), 0.0))
    return env.spend("closes")
