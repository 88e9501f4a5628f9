"""When a client with one connection is asked for an offer."""

from __future__ import annotations

from livekit.protocol.rtc import MediaSectionsRequirement

from hookflash.signalling.effects import SendSignal
from hookflash.signalling.outbox import Outbox
from hookflash.signalling.sections_request import SETTLING, SectionsRequest


def asked(outbox: Outbox) -> list[MediaSectionsRequirement]:
    """For what, since the last time."""
    sent = [effect.message for effect in outbox.take() if isinstance(effect, SendSignal)]
    return [message.media_sections_requirement for message in sent]


def test_nothing_before_the_first_answer() -> None:
    outbox = Outbox()
    request = SectionsRequest(outbox)
    request.want(1.0, 1, 0)
    request.handle_deadline(2.0)
    assert (asked(outbox), request.due) == ([], None)


def test_a_client_that_has_just_been_answered_is_left_in_peace_for_a_moment() -> None:
    outbox = Outbox()
    request = SectionsRequest(outbox)
    request.answered(1.0)
    request.want(1.0, 1, 2)
    assert (asked(outbox), request.due) == ([], 1.0 + SETTLING)
    request.handle_deadline(1.0 + SETTLING)
    assert asked(outbox) == [MediaSectionsRequirement(num_audios=1, num_videos=2)]
    request.handle_deadline(9.0)
    assert (asked(outbox), request.due) == ([], None)


def test_later_it_is_asked_at_once() -> None:
    outbox = Outbox()
    request = SectionsRequest(outbox)
    request.answered(1.0)
    request.want(1.0 + SETTLING, 0, 0)
    assert asked(outbox) == [MediaSectionsRequirement()]


def test_an_offer_that_comes_meanwhile_is_what_was_to_be_asked_for() -> None:
    outbox = Outbox()
    request = SectionsRequest(outbox)
    request.answered(1.0)
    request.want(1.0, 1, 0)
    request.answered(1.01)
    request.handle_deadline(9.0)
    assert (asked(outbox), request.due) == ([], None)
