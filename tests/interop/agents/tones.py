"""Speech, ears and mind of a livekit-agents worker without any provider: words are tones.

A word is a number of Hz, a multiple of 100, as text: "900" is said as a tone of 900 Hz, and a tone
of 900 Hz is recognised as "900". The model follows a script: what it answers to which word.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import llm, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import is_given

RATE = 16000
WINDOW = RATE // 10
"""Samples in which one frequency is looked for."""
LOUD = 300.0
"""RMS of a window (int16) that is a tone, not silence."""
SAID = 1.0
"""Seconds of a word that is said: so long that some of it is heard on a machine that stalls."""


class ToneSTT(stt.STT):
    """A tone that lasts two windows is a word, once, until another tone or silence."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> stt.RecognizeStream:
        return _ToneStream(stt=self, conn_options=conn_options, sample_rate=RATE)


class _ToneStream(stt.RecognizeStream):
    async def _run(self) -> None:
        rest = np.zeros(0, np.int16)
        before = word = ""
        async for part in self._input_ch:
            if not isinstance(part, rtc.AudioFrame):
                continue
            rest = np.concatenate([rest, np.frombuffer(part.data, np.int16)])
            while len(rest) >= WINDOW:
                heard, rest = _word(rest[:WINDOW]), rest[WINDOW:]
                if heard == before and heard != word:
                    word = heard
                    if word:
                        self._say(word)
                before = heard

    def _say(self, word: str) -> None:
        kinds = stt.SpeechEventType
        spoken = [stt.SpeechData(language="en", text=word, confidence=1.0)]
        for kind in (kinds.START_OF_SPEECH, kinds.FINAL_TRANSCRIPT, kinds.END_OF_SPEECH):
            said = spoken if kind is kinds.FINAL_TRANSCRIPT else []
            self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=said))


def _word(samples: np.ndarray[Any, Any]) -> str:
    """The loudest frequency, "" for silence."""
    wave = samples.astype(float)
    if np.sqrt(np.mean(wave**2)) < LOUD:
        return ""
    return str(100 * round(int(np.argmax(np.abs(np.fft.rfft(wave)))) / 10))


class ToneTTS(tts.TTS):
    """Says words, with a space between them."""

    def __init__(self) -> None:
        capabilities = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=capabilities, sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Spoken(tts=self, input_text=text, conn_options=conn_options)


class _Spoken(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=uuid.uuid4().hex, sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        time = np.arange(int(SAID * RATE)) / RATE
        for word in self.input_text.split():
            wave = 8000 * np.sin(2 * np.pi * int(word) * time)
            output_emitter.push(wave.astype(np.int16).tobytes())
        output_emitter.flush()


class ScriptedLLM(llm.LLM):
    """`script`: word of the user → word to answer, or {"tool": name, "arguments": {…}}.

    "" is what it says unasked or where no tool is allowed, "ok" and "error" what it says after a
    tool; nothing where the script has none of them.
    """

    def __init__(self, script: dict[str, Any]) -> None:
        super().__init__()
        self._script = script

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        tool_choice: Any = None,
        **_: Any,
    ) -> llm.LLMStream:
        unasked = is_given(tool_choice) and tool_choice == "none"
        answer = self._script.get("" if unasked else _last(chat_ctx), "")
        return _Answer(
            self, answer, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )


def _last(context: llm.ChatContext) -> str:
    """What the model is to answer to: a key of the script."""
    for item in reversed(context.items):
        if item.type == "function_call_output":
            return "error" if item.is_error else "ok"
        if item.type == "message" and item.role == "user":
            return (item.text_content or "").strip()
    return ""


class _Answer(llm.LLMStream):
    def __init__(self, model: llm.LLM, answer: str | dict[str, Any], **fields: Any) -> None:
        self._answer = answer
        super().__init__(model, **fields)

    async def _run(self) -> None:
        delta = llm.ChoiceDelta(role="assistant")
        if isinstance(self._answer, str):
            delta.content = self._answer
        else:
            delta.tool_calls = [
                llm.FunctionToolCall(
                    name=self._answer["tool"],
                    arguments=json.dumps(self._answer.get("arguments", {})),
                    call_id=uuid.uuid4().hex,
                )
            ]
        self._event_ch.send_nowait(llm.ChatChunk(id=uuid.uuid4().hex, delta=delta))
        await asyncio.sleep(0)
