"""Ticks: which embeddings they hold, and when they close."""

import pytest
from sixsense.fusion.errors import FusionError
from sixsense.fusion.tick import LONGEST_GAP_NS, Ticker


def ticker(make, deadline_ms=None, **limits_ms):
    rules = {name: make.rule(limit_ms=limit) for name, limit in (limits_ms or {"a": 1000, "b": 1000}).items()}
    return Ticker(rules, hop_ns=make.HOP_NS, deadline_ns=deadline_ms and deadline_ms * make.MS)


def fed(ticker, *messages):
    return [tick for message in messages for tick in ticker.feed(message)]


def stamps_ms(make, ticks):
    return [tick.stamp_ns / make.MS for tick in ticks]


def ends_ms(make, tick):
    return {name: embedding.end_ns / make.MS for name, embedding in tick.newest.items()}


def test_a_tick_waits_for_the_progress_of_every_input(make):
    ticks = ticker(make)
    assert fed(ticks, make.embedding("a", 250), make.embedding("b", 200), make.progress("a", 600)) == []
    assert fed(ticks, make.progress("b", 249.9)) == []
    (tick,) = fed(ticks, make.progress("b", 250))
    assert (tick.stamp_ns, tick.closed, ends_ms(make, tick)) == (
        make.HOP_NS,
        "complete",
        {"a": 250, "b": 200},
    )


def test_it_holds_the_newest_embedding_that_ends_at_or_before_it_within_the_limit(make):
    ticks = ticker(make, a=100, b=1000)
    sent = [make.embedding("a", 120), make.embedding("a", 150), make.embedding("a", 251)]
    sent += [make.embedding("b", 10), make.progress("b", 500), make.progress("a", 500)]
    first, second = fed(ticks, *sent, make.embedding("b", 600))
    assert ends_ms(make, first) == {"a": 150, "b": 10}
    assert ends_ms(make, second) == {"b": 10}


def test_an_embedding_exactly_at_its_limit_is_still_used(make):
    ticks = ticker(make, a=250)
    sent = [make.embedding("a", 250), make.embedding("a", 1000), make.progress("a", 1000)]
    assert [bool(tick.newest) for tick in fed(ticks, *sent)] == [True, True, False, True]


def test_a_first_embedding_exactly_at_its_limit_makes_a_tick(make):
    ticks = ticker(make, a=50)
    assert stamps_ms(make, fed(ticks, make.embedding("a", 200), make.embedding("a", 250), make.end("a"))) == [
        250
    ]
    ticks = ticker(make, a=50)
    assert (
        stamps_ms(make, fed(ticks, make.embedding("a", 200), make.embedding("a", 600), make.end("a")))[0]
        == 250
    )


def test_inputs_are_in_the_order_of_their_names(make):
    ticks = ticker(make, b=1000, a=1000)
    (tick,) = fed(ticks, make.embedding("b", 250), make.embedding("a", 250), make.end("a"), make.end("b"))
    assert list(tick.newest) == ["a", "b"]


def test_ticks_run_from_the_first_embedding_to_the_latest_window_end(make):
    ticks = ticker(make)
    sent = [make.embedding("b", 990), make.embedding("a", 600), make.embedding("a", 1700)]
    assert fed(ticks, *sent, make.end("a")) == []
    closed = fed(ticks, make.end("b"))
    assert stamps_ms(make, closed) == [750, 1000, 1250, 1500]
    assert ticks.finish() == []
    assert ticks.next_tick_ns == 1750 * make.MS


def test_a_first_embedding_older_than_its_limit_at_the_tick_makes_no_tick(make):
    ticks = ticker(make, a=50)
    closed = fed(
        ticks, make.embedding("a", 100), make.embedding("a", 740), make.end("a"), make.progress("a", 0)
    )
    assert closed == []
    assert stamps_ms(make, fed(ticks, make.embedding("a", 760))) == [750]


def test_an_ended_input_holds_nothing_up_until_its_next_epoch(make):
    ticks = ticker(make, deadline_ms=10_000)
    sent = [make.embedding("a", 250), make.end("a"), make.embedding("b", 500), make.progress("b", 500)]
    assert stamps_ms(make, fed(ticks, *sent)) == [250, 500]
    again = [make.progress("a", 600, epoch=1), make.embedding("b", 1000), make.progress("b", 1000)]
    assert fed(ticks, *again) == []
    closed = fed(ticks, make.embedding("a", 740, epoch=1), make.progress("a", 1000, epoch=1))
    assert [ends_ms(make, tick).get("a") for tick in closed] == [740, 740]


def test_progress_and_end_of_an_older_epoch_change_nothing(make):
    ticks = ticker(make, a=1000)
    stale = [make.progress("a", 900, epoch=1), make.end("a", epoch=1)]
    assert fed(ticks, make.embedding("a", 250, epoch=2), *stale) == []
    assert stamps_ms(make, fed(ticks, make.progress("a", 250, epoch=2))) == [250]


def test_an_embedding_of_an_older_epoch_is_used_within_its_limit(make):
    ticks = ticker(make, a=500)
    sent = [make.embedding("a", 250, epoch=1), make.progress("a", 1000, epoch=2)]
    first, second, third = fed(ticks, *sent, make.embedding("a", 1000, epoch=2))[:3]
    assert first.newest["a"].epoch == second.newest["a"].epoch == third.newest["a"].epoch == 1


def test_a_clock_that_jumps_back_does_not_hide_the_newest_window(make):
    ticks = ticker(make, a=1000)
    sent = [
        make.embedding("a", 740, epoch=1),
        make.embedding("a", 240, epoch=2),
        make.embedding("a", 490, epoch=2),
    ]
    closed = fed(ticks, *sent, make.progress("a", 750, epoch=2))
    assert [ends_ms(make, tick)["a"] for tick in closed] == [240, 490]


def test_live_an_input_that_ended_does_not_wait_for_epochs_of_others(make):
    ticks = ticker(make, deadline_ms=10_000)
    sent = [make.end("a"), make.embedding("b", 250, epoch=1), make.progress("b", 250, epoch=1)]
    assert [tick.closed for tick in fed(ticks, *sent)] == ["complete"]


def test_in_replay_an_input_that_ended_waits_for_the_epoch_that_others_have_reached(make):
    ticks = ticker(make)
    sent = [make.embedding("a", 250), make.end("a"), make.embedding("b", 500), make.end("b")]
    assert stamps_ms(make, fed(ticks, *sent)) == [250, 500]
    assert fed(ticks, make.embedding("b", 1000, epoch=1), make.end("b", epoch=1)) == []
    closed = fed(ticks, make.embedding("a", 750, epoch=1), make.end("a", epoch=1))
    assert [ends_ms(make, tick) for tick in closed] == [{"a": 750, "b": 500}, {"a": 750, "b": 1000}]


def test_an_embedding_that_comes_late_is_counted_and_used_by_later_ticks(make):
    ticks = ticker(make, a=1000, b=1000)
    fed(ticks, make.embedding("a", 250), make.progress("a", 250), make.progress("b", 250))
    assert ticks.late == 0
    closed = fed(ticks, make.embedding("b", 250), make.embedding("a", 500), make.end("a"), make.end("b"))
    assert (ticks.late, ends_ms(make, closed[0])) == (1, {"a": 500, "b": 250})


def test_a_live_tick_closes_at_its_deadline_and_says_so(make):
    ticks = ticker(make, deadline_ms=100)
    assert ticks.due(10**18) == []
    assert ticks.due_ns is None
    fed(ticks, make.embedding("a", 240), make.progress("a", 5000))
    assert ticks.due_ns == 350 * make.MS
    assert ticks.due(350 * make.MS - 1) == []
    (tick,) = ticks.due(350 * make.MS)
    assert (tick.closed, ends_ms(make, tick)) == ("deadline", {"a": 240})


def test_live_ticks_go_on_without_embeddings_and_stop_after_a_long_gap(make):
    ticks = ticker(make, deadline_ms=0, a=250)
    fed(ticks, make.embedding("a", 250))
    closed = ticks.due(10**18)
    assert closed[-1].stamp_ns == closed[1].stamp_ns + LONGEST_GAP_NS
    assert [bool(tick.newest) for tick in closed[:3]] == [True, True, False]
    assert ticks.due_ns is None
    (tick,) = fed(ticks, make.embedding("a", 10**9), make.progress("a", 10**9))
    assert (stamps_ms(make, [tick]), tick.closed) == ([10**9], "complete")


def test_replay_knows_no_deadline(make):
    ticks = ticker(make)
    fed(ticks, make.embedding("a", 250))
    assert ticks.due(10**18) == []


def test_finish_closes_what_is_known_and_says_what_was_not_complete(make):
    ticks = ticker(make)
    fed(ticks, make.embedding("a", 250), make.embedding("a", 600), make.progress("a", 600))
    assert [(tick.stamp_ns // make.MS, tick.closed) for tick in ticks.finish()] == [
        (250, "deadline"),
        (500, "deadline"),
    ]


def test_a_resumed_ticker_tells_no_tick_twice_and_starts_with_an_embedding(make):
    ticks = ticker(make, a=1000)
    ticks.resume(500 * make.MS)
    sent = [make.embedding("a", 250), make.embedding("a", 2250), make.end("a")]
    assert stamps_ms(make, fed(ticks, *sent))[:3] == [750, 1000, 1250]
    ticks = ticker(make, a=1000)
    ticks.resume(500 * make.MS)
    assert stamps_ms(make, fed(ticks, make.embedding("a", 2250), make.end("a"))) == [2250]


def test_an_input_outside_the_plan_is_refused_by_name(make):
    with pytest.raises(FusionError, match=r"'c', but fusion was planned for a, b"):
        ticker(make).feed(make.progress("c", 0))


@pytest.mark.parametrize(("hop_ns", "deadline_ns"), [(0, None), (-1, None), (1, -1)])
def test_impossible_hops_and_deadlines_are_refused(make, hop_ns, deadline_ns):
    with pytest.raises(FusionError, match="name at least one input, a positive hop"):
        Ticker({"a": make.rule()}, hop_ns=hop_ns, deadline_ns=deadline_ns)
