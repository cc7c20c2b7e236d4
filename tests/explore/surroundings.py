"""What may happen around the binders: the SMSC, the relays, the duties and the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.explore import model
from tests.explore.model import (
    CAMPAIGN,
    DAY,
    JOB,
    NO_CREDIT,
    PERMANENT,
    TEMPORARY,
    TO,
    Arrival,
    Configuration,
    Env,
)
from tests.explore.move import Move, pure
from tests.explore.redis_side import Picture, World

from smsfleet.store.doubts import Pair
from smsfleet.store.facts import DeliveryFact, ReceiptFact, ResponseFact, Verdict
from smsfleet.store.keys import DAY_MS
from smsfleet.store.standing import ACCOUNT

# --- the SMSC --------------------------------------------------------------------------------------


def smsc(env: Env, configuration: Configuration) -> Iterator[Move]:
    """What the SMSC may do with what reached it, and with receipts it has to deliver."""
    for index, binder in enumerate(env.binders):
        if binder.to_smsc:
            number, attempt = binder.to_smsc[0]
            heard = env.with_binder(index, to_smsc=binder.to_smsc[1:])
            accepted, message_id = model.accept(heard, configuration, number, attempt)
            yield pure(
                f"SMSC accepts {message_id}",
                _sent(accepted, index, Arrival("response", number, attempt, 0, message_id)),
            )
            for kind, code in (("temporary", TEMPORARY), ("permanent", PERMANENT), ("account", NO_CREDIT)):
                if getattr(env.budget, kind):
                    answer = Arrival("response", number, attempt, code, "")
                    answered = _sent(heard.spend(kind), index, answer)
                    yield pure(f"SMSC refuses {number}.{attempt} ({kind})", answered, progress=False)
        if binder.alive and binder.token:
            yield from _receipts(env, index)
    for number, attempt in dict.fromkeys(env.stray):
        arrived = env._replace(stray=model.without_one(env.stray, (number, attempt)))
        accepted, message_id = model.accept(arrived, configuration, number, attempt)
        yield pure(f"SMSC accepts stray {message_id}", accepted, progress=False)


def _receipts(env: Env, index: int) -> Iterator[Move]:
    for message_id, status in dict.fromkeys(env.receipts):
        number = int(message_id.partition(".")[0])
        receipt = Arrival("receipt", number, 0, status, message_id)
        sent = _sent(env, index, receipt)
        rest = model.without_one(env.receipts, (message_id, status))
        yield pure(f"SMSC sends receipt {message_id} {status}", sent._replace(receipts=rest))
        if env.budget.duplicates:
            duplicate = sent.spend("duplicates")
            yield pure(f"SMSC sends receipt {message_id} {status} first of two", duplicate, progress=False)


def _sent(env: Env, index: int, arrival: Arrival) -> Env:
    return env.with_binder(index, from_smsc=model.with_one(env.binders[index].from_smsc, arrival))


# --- relays, timers, the operator --------------------------------------------------------------------


def relays(env: Env, picture: Picture) -> Iterator[Move]:
    """What a relay may do with facts: apply, stall, claim, apply late, die."""
    facts = (*picture.responses, *picture.deliveries)
    if any(not fact.pending for fact in facts):
        yield Move("a relay applies", lambda world: _applied(world, env, claim=False))
        if env.budget.stalls and env.stalled == model.Stalled():
            yield Move("a relay reads and stalls", lambda world: _stall(world, env), progress=False)
    if any(fact.pending for fact in facts):
        yield Move("a relay claims", lambda world: _applied(world, env, claim=True))
    if env.stalled != model.Stalled():

        def late(world: World) -> Env:
            _apply_responses(world, env, list(env.stalled.responses))
            if env.stalled.receipts:
                calls = world.facts(env.now_ms)
                world.run(calls.apply_receipts(env.stalled.receipts, env.stalled.references, DAY))
            return env._replace(stalled=model.Stalled())

        yield Move("the stalled relay applies", late, progress=False)
        yield pure("the stalled relay dies", env._replace(stalled=model.Stalled()), progress=False)


def _applied(world: World, env: Env, *, claim: bool) -> Env:
    calls = world.facts(env.now_ms)
    if claim:
        responses = world.run(calls.left_responses(b"-", 100))
        deliveries = world.run(calls.left_deliveries(b"-", 100))
    else:
        responses, deliveries = world.run(calls.read("fast", 100, 1))
    _apply_responses(world, env, responses)
    receipts = [_receipt(fact) for fact in deliveries]
    if receipts:
        references = world.run(calls.find([r.message_id for r in receipts], calls.days(DAY)))
        world.run(calls.apply_receipts(receipts, references, DAY))
    return env


def _apply_responses(world: World, env: Env, responses: list[ResponseFact]) -> None:
    if responses:
        verdicts = [_verdict(fact.command_status) for fact in responses]
        world.run(world.facts(env.now_ms).apply_responses(responses, verdicts, DAY))


def _stall(world: World, env: Env) -> Env:
    calls = world.facts(env.now_ms)
    responses, deliveries = world.run(calls.read("slow", 1, 1))  # one of each: another relay gets the rest
    receipts = [_receipt(fact) for fact in deliveries]
    references = world.run(calls.find([r.message_id for r in receipts], calls.days(DAY))) if receipts else []
    stalled = model.Stalled(tuple(responses), tuple(receipts), tuple(references))
    return env.spend("stalls")._replace(stalled=stalled)


def _receipt(fact: DeliveryFact) -> ReceiptFact:
    message_id, _, status = fact.body.decode().partition(" ")
    return ReceiptFact(fact.entry_id, message_id.encode(), int(status), f" {status}", TO)


def _verdict(command_status: int) -> Verdict:
    if command_status == 0:
        return Verdict("ok", 8, 0)
    if command_status == TEMPORARY:
        return Verdict("slow", 5, 0)
    if command_status == NO_CREDIT:
        return Verdict("pause", 12, 0)
    return Verdict("reject", model.SHOWN_WHEN_REFUSED, 0)


def duty(env: Env, picture: Picture, mistakes: frozenset[str]) -> Iterator[Move]:
    """What the duty that matches receipts may do: look, stop in between, match late."""
    careless = "matches what may be on its way" in mistakes
    if picture.doubted <= env.now_ms:

        def at_once(world: World) -> Env:
            return _matched(world, env, _looked(world, env, careless=careless))

        def look(world: World) -> Env:
            looked = model.Looked(tuple(_looked(world, env, careless=careless)))
            return env.spend("stalls")._replace(looked=looked)

        yield Move("a worker matches", at_once)
        if env.budget.stalls and not env.looked.pairs:
            yield Move("a worker looks for matches and stalls", look, progress=False)
    if env.looked.pairs:

        def late(world: World) -> Env:
            return _matched(world, env, list(env.looked.pairs))._replace(looked=model.Looked())

        yield Move("the stalled worker matches", late, progress=False)
        yield pure("the stalled worker dies", env._replace(looked=model.Looked()), progress=False)


def _looked(world: World, env: Env, *, careless: bool) -> list[Pair]:
    calls = world.doubts(env.now_ms)
    _, pairs = world.run(calls.ripe(0, 100, again_ms=0))
    if not pairs or careless:
        return pairs
    on_their_way = [*world.run(calls.in_flight()), *(world.run(calls.unapplied()) or ())]
    busy = [world.run(call) for call in calls.destinations(on_their_way)]
    return [pair for pair in pairs if pair.destination not in busy]


def _matched(world: World, env: Env, pairs: list[Pair]) -> Env:
    if pairs:
        world.run(world.doubts(env.now_ms).match(pairs, DAY * DAY_MS))
    return env


def application(env: Env, picture: Picture) -> Iterator[Move]:
    """The application cancels its job."""
    if not env.budget.cancels:
        return

    def run(world: World) -> Env:
        states = world.run(world.lifecycle(env.now_ms).cancel(JOB, "by request"))
        told = {number for number, state in enumerate(states, start=1) if state == "C"}
        attempts = tuple(segment.attempt for segment in picture.record.segments)
        spent = env.spend("cancels")
        return spent._replace(
            cancelled=tuple(sorted({*env.cancelled, *told})), attempts=env.attempts or attempts
        )

    yield Move("the application cancels", run, progress=False)


def campaign(env: Env, picture: Picture) -> Iterator[Move]:
    """The campaign of the job is paused, resumed or cancelled; a duty lets go what was parked."""

    def stop(letter: str) -> Callable[[World], None]:
        def run(world: World) -> None:
            world.run(world.campaigns(env.now_ms).stop(CAMPAIGN, letter))

        return run

    def halt(world: World) -> Env:
        stop("p")(world)
        return env.spend("halts")

    def resume(world: World) -> Env:
        stop("r")(world)
        return env

    def end(world: World) -> Env:
        stop("c")(world)
        attempts = tuple(segment.attempt for segment in picture.record.segments)
        return env.spend("ends")._replace(attempts=env.attempts or attempts)

    def release(world: World) -> Env:
        world.run(world.campaigns(env.now_ms).release(100))
        return env

    if env.budget.halts and not picture.stopped:
        yield Move("the campaign is paused", halt, progress=False)
    if picture.stopped == b"p":
        yield Move("the campaign is resumed", resume)
    if env.budget.ends and picture.stopped != b"c":
        yield Move("the campaign is cancelled", end, progress=False)
    if picture.parked and picture.stopped != b"p":
        yield Move("what was parked goes on", release)


def timers(env: Env, picture: Picture, configuration: Configuration) -> Iterator[Move]:
    """What time and an operator may do."""
    if configuration.timed and not env.late:
        yield pure("time passes", env._replace(late=True))
    if any(due <= env.now_ms for due in picture.delayed.values()):

        def promote(world: World) -> Env:
            calls = world.facts(env.now_ms)
            due: list[bytes] = world.run(calls.due(100))
            world.run(calls.promote(due))
            return env

        yield Move("a delay is over", promote)
    if any(due <= env.now_ms for due in picture.held.values()):

        def timer(world: World) -> Env:
            calls = world.facts(env.now_ms)
            over: list[bytes] = world.run(calls.hold_over(100))
            world.run(calls.release_held(over, "timer"))
            return env

        yield Move("a hold is over", timer)
    if env.budget.orders and not picture.is_paused:

        def pause(world: World) -> Env:
            world.run(world.standings(env.now_ms).pause([ACCOUNT], ""))
            return env.spend("orders")

        yield Move("an operator pauses the account", pause, progress=False)
    if picture.is_paused:

        def resume(world: World) -> Env:
            world.run(world.standings(env.now_ms).resume([ACCOUNT]))
            return env

        yield Move("an operator resumes the account", resume)
    if picture.held and env.budget.resends:
        first = min(picture.held)

        for decision in ("resend", "fail"):

            def operator(world: World, decision: str = decision) -> Env:
                world.run(world.facts(env.now_ms).release_held([first], decision))
                return env.spend("resends")._replace(resent=env.resent + (decision == "resend"))

            yield Move(f"an operator says {decision}", operator, progress=False)
