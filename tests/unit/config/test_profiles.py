"""The two profiles, as the guide and the archived pages give them."""

from __future__ import annotations

from smsfleet.config.profiles import ARCHIVE, GUIDE, PROFILES


def test_the_guide_bears_two_failed_logins_in_a_little_more_than_its_lock_out() -> None:
    assert (3, 180.0) == (GUIDE.lockout_logins, GUIDE.lockout_s)
    assert (2, 185.0) == (GUIDE.logins, GUIDE.login_window_s)


def test_the_archived_pages_bear_more_and_forget_sooner() -> None:
    assert (10, 60.0) == (ARCHIVE.lockout_logins, ARCHIVE.lockout_s)
    assert (9, 65.0) == (ARCHIVE.logins, ARCHIVE.login_window_s)


def test_one_bind_by_the_guide_and_eight_of_each_mode_by_the_archived_pages() -> None:
    assert [(1, True), (8, False)] == [(profile.binds, profile.exclusive) for profile in PROFILES.values()]


def test_each_profile_is_found_by_its_name() -> None:
    assert {name: profile.name for name, profile in PROFILES.items()} == {
        "guide-2.4.5": "guide-2.4.5",
        "archive-2016": "archive-2016",
    }


def test_enquire_link_unbind_and_query_sm_differ() -> None:
    assert (55.0, 57.0, False, True) == (
        GUIDE.enquire_link_min_s, GUIDE.enquire_link_max_s, GUIDE.unbind, GUIDE.query_sm,
    )  # fmt: skip
    assert (1.0, 300.0, True, False) == (
        ARCHIVE.enquire_link_min_s, ARCHIVE.enquire_link_max_s, ARCHIVE.unbind, ARCHIVE.query_sm,
    )  # fmt: skip
