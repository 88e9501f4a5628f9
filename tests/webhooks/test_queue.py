"""The order of webhooks, their retries, and receivers that refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.webhooks.queue import DeliveryQueues, Post, RetrySchedule, UrlQueue, is_refusal

URL = "http://receiver/hook"


def queue(schedule: RetrySchedule | None = None) -> UrlQueue:
    return UrlQueue(URL, schedule or RetrySchedule())


def bodies(posts: list[Post]) -> list[str]:
    return [post.body.decode() for post in posts]


def push(q: UrlQueue, now: float, body: str, room: str = "r") -> list[Post]:
    return q.push(now, room, "event", body.encode())


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        *((200, False), (204, False), (302, False), (400, False), (404, False), (429, True)),
        *((500, True), (501, False), (502, True), (503, True), (599, True), (600, False)),
    ],
)
def test_which_statuses_are_tried_again(status: int, refusal: bool) -> None:
    assert is_refusal(status) is refusal


def test_events_of_a_room_go_one_after_the_other() -> None:
    q = queue()
    (first,) = push(q, 0, "a")
    assert (first.url, first.room, first.name, first.attempt) == (URL, "r", "event", 1)
    assert push(q, 0, "b") == []
    assert q.pending == 2
    (second,) = q.answered(0.1, first.ticket, 200)
    assert bodies([second]) == ["b"]
    assert q.answered(0.2, second.ticket, 200) == []
    assert (q.pending, q.rooms) == (0, 0)
    assert q.next_deadline() is None
    assert (q.counters.queued, q.counters.delivered, q.counters.attempts) == (2, 2, 2)


def test_rooms_do_not_wait_for_each_other() -> None:
    q = queue()
    assert bodies(push(q, 0, "a", "r1") + push(q, 0, "b", "r2")) == ["a", "b"]


def test_no_more_than_so_many_at_a_time() -> None:
    q = queue(RetrySchedule(parallel=2))
    posts = [post for n in range(4) for post in push(q, 0, str(n), f"r{n}")]
    assert bodies(posts) == ["0", "1"]
    assert bodies(q.answered(0, posts[1].ticket, 200)) == ["2"]
    assert bodies(q.answered(0, posts[0].ticket, 200)) == ["3"]


def test_other_statuses_are_final() -> None:
    q = queue()
    (post,) = push(q, 0, "a")
    push(q, 0, "b")
    assert bodies(q.answered(0, post.ticket, 404)) == ["b"]
    assert q.counters.rejected == 1


@pytest.mark.parametrize("answer", [500, 429, None])
def test_retries_with_growing_pauses_while_others_get_through(answer: int | None) -> None:
    q = queue()
    (post,) = push(q, 0, "a")
    push(q, 0, "behind")
    now = 0.0
    pauses = []
    for attempt in range(2, 6):
        now += 0.25
        nothing = q.failed(now, post.ticket) if answer is None else None
        if answer is not None:
            nothing = q.answered(now, post.ticket, answer)
        assert nothing == []
        (other,) = push(q, now, "other", "elsewhere")
        assert q.answered(now, other.ticket, 200) == []  # so the URL itself is well
        due = q.next_deadline()
        assert due is not None
        assert q.handle_deadline(due - 0.01) == []
        pauses.append(due - now)
        now = due
        (post,) = q.handle_deadline(due)
        assert (post.attempt, post.body) == (attempt, b"a")
    assert pauses == [1, 2, 4, 8]
    assert bodies(q.answered(now, post.ticket, 500)) == ["behind"]
    assert q.counters.given_up == 1


def test_pauses_have_a_longest() -> None:
    q = queue(RetrySchedule(attempts=9, failures_until_probing=99))
    (post,) = push(q, 0, "a")
    now, pause = 0.0, 0.0
    for _ in range(8):
        q.failed(now, post.ticket)
        due = q.next_deadline()
        assert due is not None
        pause, now = due - now, due
        (post,) = q.handle_deadline(due)
    assert pause == 30


def test_giving_up_the_last_event_of_a_room() -> None:
    q = queue(RetrySchedule(attempts=1))
    (post,) = push(q, 0, "a")
    assert q.failed(0, post.ticket) == []
    assert (q.pending, q.counters.given_up) == (0, 1)


def test_a_full_queue_drops_the_newest() -> None:
    q = queue(RetrySchedule(depth=2))
    push(q, 0, "a")
    push(q, 0, "b")
    push(q, 0, "c")
    assert (q.pending, q.counters.overflowed, q.counters.queued) == (2, 1, 2)


def test_an_event_that_waited_too_long_is_dropped() -> None:
    q = queue()
    (post,) = push(q, 0, "a")
    push(q, 0, "b")
    push(q, 5, "c")
    assert bodies(q.answered(31, post.ticket, 200)) == ["c"]
    assert q.counters.expired == 1


def test_a_whole_room_may_expire_while_it_waits_for_its_turn() -> None:
    q = queue(RetrySchedule(parallel=1))
    (post,) = push(q, 0, "a", "r1")
    push(q, 0, "b", "r2")
    assert push(q, 31, "c", "r2") == []
    assert q.counters.expired == 1
    (after,) = q.answered(32, post.ticket, 200)
    assert after.body == b"c"
    assert q.answered(32, after.ticket, 200) == []


def refuse_five_times(q: UrlQueue) -> float:
    """One room, whose first event is refused until the URL is probed; the time of that."""
    (post,) = push(q, 0, "oldest")
    now = 0.0
    for _ in range(4):
        q.failed(now, post.ticket)
        now = q.next_deadline() or 0
        (post,) = q.handle_deadline(now)
    assert q.failed(now, post.ticket) == []
    assert q.probing
    return now


def test_after_five_refusals_only_the_oldest_event_is_tried_once_a_second() -> None:
    q = queue()
    now = refuse_five_times(q)
    assert now == 15
    assert push(q, now, "second") == []
    assert push(q, now, "other room", "r2") == []
    for second in range(1, 8):
        due = q.next_deadline()
        assert due == now + second
        (post,) = q.handle_deadline(due)
        assert (post.body, post.attempt) == (b"oldest", 5 + second)
        assert q.next_deadline() is None
        assert q.failed(due, post.ticket) == []
    (post,) = q.handle_deadline(now + 8)
    assert sorted(bodies(q.answered(now + 8, post.ticket, 200))) == ["other room", "second"]
    assert not q.probing


def test_probing_by_connection_failures_never_gives_the_event_up() -> None:
    q = queue()
    now = refuse_five_times(q)
    for _ in range(100):
        now = q.next_deadline() or 0
        (post,) = q.handle_deadline(now)
        q.failed(now, post.ticket)
    assert q.pending == 1
    assert post.body == b"oldest"


def test_a_probe_refused_by_a_living_server_makes_way_in_time() -> None:
    q = queue()
    now = refuse_five_times(q)
    push(q, 0.5, "behind")
    posts: list[Post] = []
    for _ in range(10):
        now = q.next_deadline() or 0
        (post,) = q.handle_deadline(now)
        assert post.body == b"oldest"
        posts = q.answered(now, post.ticket, 500)
    assert posts == []
    assert q.counters.given_up == 1
    (post,) = q.handle_deadline(q.next_deadline() or 0)
    assert post.body == b"behind"
    assert now < 30
    q.answered(now, post.ticket, 200)
    assert not q.probing


def test_a_final_answer_ends_probing_too() -> None:
    q = queue()
    now = refuse_five_times(q)
    (post,) = q.handle_deadline(now + 1)
    assert q.answered(now + 1, post.ticket, 400) == []
    assert not q.probing
    assert q.pending == 0


def test_while_probing_old_events_go_so_that_memory_stays_bounded() -> None:
    q = queue()
    now = refuse_five_times(q)
    push(q, now, "x", "r2")
    push(q, now, "y", "r2")
    (post,) = q.handle_deadline(now + 1)
    assert q.failed(now + 31, post.ticket) == []
    assert (q.pending, q.rooms, q.counters.expired) == (1, 1, 2)


def test_an_idle_url_that_probes_tries_the_next_event_at_once() -> None:
    q = queue(RetrySchedule(failures_until_probing=1, probe_answers=1))
    (post,) = push(q, 0, "a")
    q.answered(0, post.ticket, 503)
    (post,) = q.handle_deadline(1)
    q.answered(1, post.ticket, 503)
    assert (q.pending, q.next_deadline()) == (0, None)
    assert bodies(push(q, 9, "b")) == ["b"]


def test_probing_waits_for_what_is_still_on_its_way() -> None:
    q = queue(RetrySchedule(failures_until_probing=1))
    (a,) = push(q, 0, "a", "r1")
    (b,) = push(q, 0, "b", "r2")
    (c,) = push(q, 0, "c", "r3")
    assert q.failed(0, a.ticket) == []
    assert q.next_deadline() is None
    assert q.handle_deadline(5) == []
    # a late success says that the URL is well: the others go on, but none twice
    assert bodies(q.answered(5, b.ticket, 200)) == ["a"]
    assert q.answered(5, c.ticket, 200) == []


def test_urls_are_independent_of_each_other() -> None:
    queues = DeliveryQueues(["http://a", "http://b"], RetrySchedule())
    first, second = queues.push(0, "r", "event", b"1")
    assert (first.url, second.url) == ("http://a", "http://b")
    assert queues.next_deadline() is None
    assert queues.failed(0, first) == []
    assert queues.next_deadline() == 1
    assert queues.answered(0, second, 200) == []
    assert queues.pending == 1
    (again,) = queues.handle_deadline(1)
    assert again.url == "http://a"


@given(st.data())
def test_nothing_is_lost_twice_or_out_of_order(data: st.DataObject) -> None:
    """Whatever the receiver does: each event ends once, first attempts are in order."""
    schedule = replace(RetrySchedule(), depth=5, parallel=2, patience=12)
    q = queue(schedule)
    now, number = 0.0, 0
    flying: list[Post] = []
    firsts: dict[str, list[int]] = {}

    def sent(posts: list[Post]) -> None:
        for post in posts:
            assert post.room not in {other.room for other in flying}
            flying.append(post)
            if post.attempt == 1:
                firsts.setdefault(post.room, []).append(int(post.body))
        assert len(flying) <= 2

    for _ in range(data.draw(st.integers(0, 40))):
        now += data.draw(st.sampled_from([0.0, 0.5, 3.0]))
        step = data.draw(st.sampled_from(["push", "push", "answer", "time"]))
        if step == "push":
            number += 1
            room = data.draw(st.sampled_from("rst"))
            sent(q.push(now, room, "event", str(number).encode()))
        elif step == "answer" and flying:
            post = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            status = data.draw(st.sampled_from([200, 200, 400, 500, None]))
            ticket = post.ticket
            sent(q.failed(now, ticket) if status is None else q.answered(now, ticket, status))
        elif step == "time":
            sent(q.handle_deadline(now))
    steps = 0
    while q.pending:
        steps += 1
        assert steps < 500
        if flying:
            sent(q.answered(now, flying.pop(0).ticket, 200))
            continue
        due = q.next_deadline()
        assert due is not None
        now = max(now, due)
        sent(q.handle_deadline(now))
    counters = q.counters
    ended = counters.delivered + counters.rejected + counters.given_up + counters.expired
    assert ended == counters.queued
    assert counters.queued + counters.overflowed == number
    for numbers in firsts.values():
        assert numbers == sorted(numbers)
