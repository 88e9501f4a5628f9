"""The sound of a running carrier: ports of its legs, tones of its telephones, who hears whom."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..sdp.plan import LocalMedia, MediaPlan
from .conversation import Voice
from .packets import Packets
from .person import Person
from .recording import Recording
from .sound import Line, Sound, Sounds, all_is_well
from .speech import Speech


class Voices:
    """Does what a switch says of sound. A telephone that talks to a leg has the leg's `Sound`; two
    telephones that talk get one each."""

    def __init__(
        self,
        sounds: Sounds,
        key: Callable[[str, str], None],
        line: Line = all_is_well,
        recording: Callable[[str], Recording | None] = lambda _: None,
        person: Callable[[str], Person | None] = lambda _: None,
    ) -> None:
        """`key`: called with the id of a telephone and each key that it hears. `line`: what becomes
        of a packet to an exchange. `recording`: of a telephone that is connected, by its id; None
        where nobody wants one. `person`: who is at it, if anybody."""
        self.packets = Packets()
        """Of the legs that are over."""
        self._line = line
        self._sounds = sounds
        self._key = key
        self._recording = recording
        self._person = person
        self._legs: dict[str, Sound] = {}
        self._phones: dict[str, Sound] = {}
        self._partner: dict[str, str] = {}
        self._speeches: dict[str, tuple[Speech, float]] = {}
        """What telephones say or have said, and since when (seconds)."""

    def open(self, call_id: str, ip: str) -> LocalMedia:
        """A port for a leg, at that address of ours. Raises CarrierError."""
        sound = self._legs[call_id] = self._sounds.open(0.0, ip)
        sound.line = self._line
        return sound.local

    def apply(self, call_id: str, plan: MediaPlan) -> None:
        """What a leg agreed on."""
        sound = self._legs.get(call_id)
        if sound is not None:
            sound.apply(plan)

    def close(self, call_id: str) -> None:
        """A leg's port is free again."""
        self.part(call_id)
        sound = self._legs.pop(call_id, None)
        if sound is not None:
            sound.close()
            self.packets.add(sound.packets)

    def join(self, first: Voice, second: Voice) -> None:
        """These two hear each other, and nobody else."""
        self.part(first.id)
        self.part(second.id)
        self._partner[first.id], self._partner[second.id] = second.id, first.id
        legs = [self._legs.get(voice.id) for voice in (first, second) if voice.tone is None]
        if len(legs) == 1 and legs[0] is not None:
            phone = second if first.tone is None else first
            self._says(phone, legs[0])
            self._hears(phone.id, legs[0])
        elif not legs:
            one, other = (self._sounds.open(voice.tone or 0.0) for voice in (first, second))
            one.talk_to(other)
            other.talk_to(one)
            for voice, sound in ((first, one), (second, other)):
                self._says(voice, sound)
                self._hears(voice.id, sound)
        elif legs[0] is not None and legs[-1] is not None:
            legs[0].relay_to(legs[-1])
            legs[-1].relay_to(legs[0])

    def part(self, end: str) -> None:
        """This one hears nobody, and is heard by nobody."""
        other = self._partner.pop(end, None)
        if other is None:
            return
        self._partner.pop(other, None)
        for one, partner in ((end, other), (other, end)):
            phone, leg = self._phones.pop(one, None), self._legs.get(one)
            if phone is not None:
                phone.on_digit = phone.recording = None
                phone.attend(None)
                if phone is not self._legs.get(partner):
                    phone.close()
            if leg is not None:
                leg.relay_to(None)
                leg.say(0.0)

    def say(self, end: str, tone: float, speech: Speech | None = None) -> None:
        """A telephone says another tone (Hz), or a speech."""
        self._speeches.pop(end, None)
        sound = self._phones.get(end)
        if sound is not None:
            self._says(Voice(end, tone, speech), sound)

    def forget(self, end: str) -> None:
        """A telephone's call is over."""
        self._speeches.pop(end, None)

    def press(self, end: str, digits: str) -> None:
        """A telephone presses keys."""
        sound = self._phones.get(end)
        if sound is not None:
            sound.dial(digits)

    def _says(self, voice: Voice, sound: Sound) -> None:
        """A speech goes on where it is by now: whoever was not connected has missed a part."""
        speech, since = voice.speech, 0.0
        if speech is not None:
            now = self._sounds.now()
            said, began = self._speeches.setdefault(voice.id, (speech, now))
            if said is speech:
                since = now - began
            else:
                self._speeches[voice.id] = speech, now
        sound.say(voice.tone or 0.0, speech, since)

    def _hears(self, end: str, sound: Sound) -> None:
        self._phones[end] = sound
        sound.on_digit = partial(self._key, end)
        sound.recording = self._recording(end)
        self.attend(end)

    def attend(self, end: str) -> None:
        """Somebody has come to a telephone, or gone, or is there as before."""
        sound = self._phones.get(end)
        if sound is None:
            return
        person = self._person(end)
        if person is not None and person is not sound.person:
            person.connected()
        sound.attend(person)

    def heard_by(self, end: str) -> Sound | None:
        """What a telephone hears, by the id of its end; None while it talks to nobody."""
        return self._phones.get(end)
