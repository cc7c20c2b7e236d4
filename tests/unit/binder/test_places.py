"""Where the leader is in the outbound streams: nothing is missed, nothing that is on its way is begun again."""

from __future__ import annotations

from smsfleet.binder.places import Places
from smsfleet.store.wire import START, Entry


def entry(number: int, lane: int = 2) -> Entry:
    return Entry(lane, b"%d-0" % number, b"j#%d" % number, b"body")


def test_it_goes_on_behind_the_last_entry_of_each_lane() -> None:
    places = Places()

    places.sift([entry(7, lane=1), entry(1), entry(2)], 10, known=())

    assert places.after == (b"7-0", b"2-0", b"0-0")
    assert (places.more, places.caught_up) == (False, True)


def test_it_is_not_caught_up_while_as_many_come_as_were_asked_for() -> None:
    places = Places()

    places.sift([entry(1), entry(2)], 2, known=())

    assert (places.more, places.caught_up) == (True, False)


def test_a_rewind_reads_everything_again() -> None:
    places = Places()
    places.sift([entry(1)], 10, known=())

    places.rewind()

    assert (places.after, places.caught_up) == (START, False)


def test_what_is_known_to_be_on_its_way_is_left_out_and_looked_at_again() -> None:
    places = Places()

    kept = places.sift([entry(1), entry(2)], 10, known={b"j#1"})
    places.look_again()

    assert [e.ref for e in kept] == [b"j#2"]
    assert places.after == START


def test_without_anything_left_out_there_is_no_second_look() -> None:
    places = Places()
    places.sift([entry(1)], 10, known=())

    places.look_again()

    assert places.after == (b"0-0", b"1-0", b"0-0")


def test_what_was_on_its_way_at_the_last_look_gets_one_more_before_it_may_go() -> None:
    places = Places()
    looks = []
    for known in ({b"j#1"}, (), ()):
        looks.append(places.sift([entry(1)], 10, known=known))
        places.look_again()

    assert [[e.ref for e in kept] for kept in looks] == [[], [], [b"j#1"]]
