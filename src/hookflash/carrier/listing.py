"""What `GET /calls` says: every call that lives, and what its telephones hear."""

from __future__ import annotations

from .conversation import PhoneEnd
from .switch import Switch
from .voices import Voices


def listing(switch: Switch, voices: Voices) -> list[dict[str, object]]:
    """As JSON has it: with the tones that the telephones hear now, in Hz, and those that hear
    anything."""
    tones = sorted({phone.tone for phone in switch.numbers.phones if phone.tone})
    heard: dict[str, list[float]] = {}
    audible: set[str] = set()
    for end in list(switch.ends.values()):
        sound = voices.heard_by(end.id)
        if sound is not None and isinstance(end, PhoneEnd):
            heard[end.number] = [tone for tone in tones if sound.hears_now(tone)]
            if sound.audible_lately():
                audible.add(end.number)
    return [
        {
            **one,
            "hears": {number: heard.get(number, []) for number in numbers},
            "audible": [number for number in numbers if number in audible],
        }
        for one in switch.listing()
        if isinstance(numbers := one["telephones"], list)
    ]
