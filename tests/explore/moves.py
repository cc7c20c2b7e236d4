"""What may happen next: every move of the two binders, and those of `surroundings`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.explore import model
from tests.explore.model import (
    EARLY_MS,
    RECOVER,
    START,
    TAKE,
    Arrival,
    Begun,
    Binder,
    Configuration,
    Env,
)
from tests.explore.move import Move, Run, pure
from tests.explore.questions import questions
from tests.explore.redis_side import Picture, World, number_of, reference
from tests.explore.surroundings import application, campaign, duty, relays, smsc, timers

from smsfleet.config.errors import Fenced
from smsfleet.store.keys import LANES
from smsfleet.store.wire import PAUSED, Answer, Entry, Unanswered

_NORMAL = LANES.index("normal") + 1
_TTL_S = 3600.0


def moves(
    env: Env, picture: Picture, configuration: Configuration, mistakes: frozenset[str]
) -> Iterator[Move]:
    """Every move that is possible now."""
    for index, binder in enumerate(env.binders):
        if not binder.alive:
            yield pure(f"{binder.name} starts again", env.with_binder(index, alive=True))
            continue
        if binder.paused:
            yield pure(f"{binder.name} goes on", env.with_binder(index, paused=False))
        else:
            yield from _sockets(env, index, mistakes)
            if binder.token:
                yield from _leading(env, picture, index, mistakes)
            elif not picture.lease:
                yield Move(f"{binder.name} acquires the lease", _acquire(env, index))
        if env.budget.kills and (binder.token or binder.begun):
            ended = model.end_session(env.spend("kills"), index)
            dead = ended.with_binder(index, alive=False, paused=False, token="", stage=RECOVER)
            yield pure(f"{binder.name} is killed", dead, progress=False)
    yield from _lease_expiry(env, picture)
    yield from smsc(env, configuration)
    yield from relays(env, picture)
    yield from duty(env, picture, mistakes)
    yield from timers(env, picture, configuration)
    yield from application(env, picture)
    yield from campaign(env, picture)
    yield from questions(env, picture, configuration)


# --- binders -------------------------------------------------------------------------------------


def _sockets(env: Env, index: int, mistakes: frozenset[str]) -> Iterator[Move]:
    binder = env.binders[index]
    unwritten = [b for b in binder.begun if not b.written and b.attempt]
    if unwritten:
        first = unwritten[0]
        begun = tuple(b._replace(written=True) if b is first else b for b in binder.begun)
        octets = (*binder.to_smsc, (first.number, first.attempt))
        yield pure(
            f"{binder.name} writes {first.number}.{first.attempt}",
            env.with_binder(index, begun=begun, to_smsc=octets),
        )
    for arrival in dict.fromkeys(binder.from_smsc):
        name = f"{binder.name} hears {arrival.kind} {arrival.number}.{arrival.attempt}{arrival.message_id} {arrival.code}"
        if arrival.kind == "receipt" and "acks before persisting" in mistakes:
            yield pure(name, _acked(env, index, arrival, keep=True))
        else:
            yield Move(name, _hear(env, index, arrival))
        if arrival.kind == "response" and env.budget.unheard:
            again = _hear(env.spend("unheard"), index, arrival, times=2)
            yield Move(f"{name}, settles twice", again, progress=False)
    if binder.to_ack:
        arrival = binder.to_ack[0]
        if "acks before persisting" in mistakes:
            yield Move(f"{binder.name} persists late", _persist_late(env, index, arrival))
        else:
            yield pure(f"{binder.name} acks {arrival.message_id}", _acked(env, index, arrival))


def _acked(env: Env, index: int, arrival: Arrival, *, keep: bool = False) -> Env:
    binder = env.binders[index]
    acked = tuple(sorted({*env.acked, (arrival.message_id, arrival.code)}))
    if keep:
        rest = model.without_one(binder.from_smsc, arrival)
        return env._replace(acked=acked).with_binder(index, from_smsc=rest, to_ack=(*binder.to_ack, arrival))
    return env._replace(acked=acked).with_binder(index, to_ack=binder.to_ack[1:])


def _deliver_body(arrival: Arrival) -> bytes:
    return f"{arrival.message_id} {arrival.code}".encode()


def _persist_late(env: Env, index: int, arrival: Arrival) -> Run:
    def run(world: World) -> Env:
        world.run(world.wire(env.now_ms).deliver(_deliver_body(arrival), EARLY_MS))
        return env.with_binder(index, to_ack=env.binders[index].to_ack[1:])

    return run


def _hear(env: Env, index: int, arrival: Arrival, times: int = 1) -> Run:
    binder = env.binders[index]
    rest = model.without_one(binder.from_smsc, arrival)

    def run(world: World) -> Env:
        wire = world.wire(env.now_ms)
        if arrival.kind == "receipt":
            world.run(wire.deliver(_deliver_body(arrival), EARLY_MS))
            return env.with_binder(index, from_smsc=rest, to_ack=(*binder.to_ack, arrival))
        answer = Answer(reference(arrival.number), arrival.attempt, arrival.code, arrival.message_id.encode())
        for _ in range(times):
            world.run(wire.settle([answer]))
        begun = tuple(b for b in binder.begun if (b.number, b.attempt) != (arrival.number, arrival.attempt))
        return env.with_binder(index, from_smsc=rest, begun=begun)

    return run


def _acquire(env: Env, index: int) -> Run:
    def run(world: World) -> Env:
        token = world.run(world.lease.acquire(env.binders[index].name, _TTL_S))
        assert token is not None
        return env.with_binder(index, token=token, stage=RECOVER)

    return run


def _step_down(env: Env, index: int) -> Env:
    return model.end_session(env, index).with_binder(index, token="", stage=RECOVER)


def _leading(env: Env, picture: Picture, index: int, mistakes: frozenset[str]) -> Iterator[Move]:
    binder = env.binders[index]
    deposed = binder.token != picture.fence
    if deposed:
        yield pure(f"{binder.name} sees that it is deposed", _step_down(env, index))
    elif not picture.lease:
        yield Move(f"{binder.name} renews the lease", _renew(env, index))
    if env.budget.pauses:
        paused = env.spend("pauses").with_binder(index, paused=True)
        yield pure(f"{binder.name} stands still", paused, progress=False)
    unsure = [b for b in binder.begun if not b.attempt]
    if binder.stage == RECOVER:
        run = _recover(env, picture, index, mistakes)
        yield Move(f"{binder.name} recovers", run, token=binder.token)
    elif unsure:
        run = _lose(env, index, [b for b in binder.begun if b.attempt], unsure)
        yield Move(f"{binder.name} gives back what it may have begun", run, token=binder.token)
    elif "writes before begin" in mistakes:
        yield from _writing_first(env, picture, index)
    else:
        yield from _looking(env, picture, index, mistakes)
        yield from _reading(env, picture, index)
    if env.budget.link_losses:
        ended = model.end_session(env.spend("link_losses"), index)
        if binder.begun:
            run = _lose(ended, index, [], list(binder.begun))
            yield Move(f"{binder.name} loses the link", run, progress=False, token=binder.token)
        else:
            yield pure(f"{binder.name} loses the link", ended, progress=False)


def _renew(env: Env, index: int) -> Run:
    def run(world: World) -> Env:
        kept = world.run(world.lease.renew(env.binders[index].token, _TTL_S))
        return env if kept else _step_down(env, index)

    return run


def _recover(env: Env, picture: Picture, index: int, mistakes: frozenset[str]) -> Run:
    last = picture.outbound[-1].at if picture.outbound else START
    after = last if "reads new entries only" in mistakes else START

    def run(world: World) -> Env:
        try:
            # All that is in flight: the script must know its own.
            world.run(world.wire(env.now_ms).recover(env.binders[index].token, sorted(picture.inflight)))
        except Fenced:
            return _step_down(env, index)
        return env.with_binder(index, stage=TAKE, after=after)

    return run


def _lose(env: Env, index: int, kept: list[Begun], lost: list[Begun]) -> Run:
    def run(world: World) -> Env:
        unanswered = [Unanswered(reference(b.number), b.attempt or None, b.written) for b in lost]
        try:
            world.run(world.wire(env.now_ms).lost(env.binders[index].token, unanswered))
        except Fenced:
            return _step_down(env, index)
        return env.with_binder(index, begun=tuple(kept))

    return run


def _reading(env: Env, picture: Picture, index: int) -> Iterator[Move]:
    binder = env.binders[index]
    name, token = binder.name, binder.token
    if binder.read:
        run = _begin(env.with_binder(index, read=()), index, _as_entries(binder))
        yield Move(f"{name} begins what it took", run, token=token)
    elif any(entry.at > binder.after for entry in picture.outbound):
        take = _take(env, index)
        moved = env.with_binder(index, after=picture.outbound[-1].at)
        yield Move(f"{name} takes and begins", _begin(moved, index, take), token=token)
        if env.budget.pauses:
            still = _hold_read(moved.spend("pauses").with_binder(index, paused=True), index, take)
            yield Move(f"{name} takes and stands still", still, progress=False, token=token)
        if env.budget.unheard:
            unheard = env.spend("unheard").with_binder(index, after=START)
            run = _begin(unheard, index, take, unheard=True)
            yield Move(f"{name} takes, begins and does not hear it", run, progress=False, token=token)
            run = _hold_read(unheard, index, take, keep=False)
            yield Move(f"{name} takes and does not hear it", run, progress=False, token=token)


def _looking(env: Env, picture: Picture, index: int, mistakes: frozenset[str]) -> Iterator[Move]:
    """The binder sees that what it held back may be begun, or that a probe is due."""
    binder = env.binders[index]
    if binder.held_back and not picture.is_paused and "forgets what it held back" not in mistakes:
        yield pure(f"{binder.name} reads again", env.with_binder(index, held_back=False, after=START))


def _take(env: Env, index: int) -> Callable[[World], list[Entry]]:
    binder = env.binders[index]
    place = b"%d-%d" % binder.after
    after = [place if lane == _NORMAL else b"0-0" for lane in range(1, len(LANES) + 1)]
    # Only a binder that started again after a failure finds what it remembers itself.
    remembered = {reference(begun.number) for begun in binder.begun}

    def read(world: World) -> list[Entry]:
        entries = world.run(world.wire(env.now_ms).take(100, after))
        return [entry for entry in entries if entry.ref not in remembered]

    return read


def _as_entries(binder: Binder) -> Callable[[World], list[Entry]]:
    entries = [Entry(_NORMAL, entry_id, segment, b"") for segment, entry_id in binder.read]
    return lambda _: entries


def _hold_read(env: Env, index: int, take: Callable[[World], list[Entry]], *, keep: bool = True) -> Run:
    def run(world: World) -> Env:
        try:
            entries = take(world)
        except Fenced:
            return _step_down(env, index)
        return env.with_binder(index, read=tuple((e.ref, e.entry_id) for e in entries) if keep else ())

    return run


def _begin(
    env: Env,
    index: int,
    read: Callable[[World], list[Entry]],
    *,
    unheard: bool = False,
    written: bool = False,
) -> Run:
    def run(world: World) -> Env:
        binder = env.binders[index]
        try:
            entries = read(world)
            if not entries:
                return env
            attempts = world.run(world.wire(env.now_ms).begin(binder.token, entries))
        except Fenced:
            return _step_down(env, index)
        begun = tuple(
            Begun(number_of(entry.ref), 0 if unheard else attempt, written)
            for entry, attempt in zip(entries, attempts, strict=True)
            if attempt > 0
        )
        held_back = binder.held_back or PAUSED in attempts
        return env.with_binder(index, begun=binder.begun + begun, held_back=held_back)

    return run


def _writing_first(env: Env, picture: Picture, index: int) -> Iterator[Move]:
    """The faulty binder: octets first, intent later."""
    binder = env.binders[index]
    if binder.read:
        run = _begin(env.with_binder(index, read=()), index, _as_entries(binder), written=True)
        yield Move(f"{binder.name} begins late", run, token=binder.token)
        return
    if any(entry.at > binder.after for entry in picture.outbound):
        moved = env.with_binder(index, after=picture.outbound[-1].at)

        def write(world: World) -> Env:
            after = _hold_read(moved, index, _take(env, index))(world)
            numbers = [number_of(segment) for segment, _ in after.binders[index].read]
            octets = tuple((n, picture.record.segments[n - 1].attempt + 1) for n in numbers)
            return after.with_binder(index, to_smsc=binder.to_smsc + octets)

        yield Move(f"{binder.name} writes before begin", write, token=binder.token)


def _lease_expiry(env: Env, picture: Picture) -> Iterator[Move]:
    renewed = any(b.alive and not b.paused and b.token == picture.lease for b in env.binders)
    if picture.lease and not renewed:

        def run(world: World) -> Env:
            world.expire_lease()
            return env

        yield Move("the lease expires", run)
