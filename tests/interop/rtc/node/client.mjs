// A client of @livekit/rtc-node that does what a test says, over a WebSocket: see
// tests/interop/support/remote.py for the commands.
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  dispose,
} from '@livekit/rtc-node';
import WebSocket from 'ws';

const RATE = 48000;
const SAID = 8000; // amplitude of the tone
const WINDOW = RATE / 5;

const control = new WebSocket(process.argv[2]);
const tell = (message) => control.send(JSON.stringify(message));
let room;
const heard = new Map(); // samples of the last 200 ms, by identity

function amplitude(samples, frequency) {
  let real = 0;
  let imaginary = 0;
  for (let at = 0; at < samples.length; at += 1) {
    const angle = (2 * Math.PI * frequency * at) / RATE;
    real += samples[at] * Math.cos(angle);
    imaginary += samples[at] * Math.sin(angle);
  }
  return samples.length ? (2 * Math.hypot(real, imaginary)) / samples.length : 0;
}

async function listen(track, identity) {
  const reader = new AudioStream(track, RATE, 1).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const kept = [...(heard.get(identity)?.samples ?? []), ...value.data].slice(-WINDOW);
    heard.set(identity, { samples: kept, at: Date.now() });
  }
}

async function hum(source, frequency) {
  for (let at = 0; ; at += RATE / 100) {
    const frame = AudioFrame.create(RATE, 1, RATE / 100);
    for (let index = 0; index < RATE / 100; index += 1) {
      const angle = (2 * Math.PI * frequency * (at + index)) / RATE;
      frame.data[index] = Math.round(SAID * Math.sin(angle));
    }
    await source.captureFrame(frame);
  }
}

const follow = () => room
  .on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
    tell({ event: 'subscribed', identity: participant.identity, mime: publication.mimeType });
    if (track.kind === TrackKind.KIND_AUDIO) listen(track, participant.identity);
  })
  .on(RoomEvent.ParticipantConnected, ({ identity }) => tell({ event: 'joined', identity }))
  .on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell({ event: 'left', identity }))
  .on(RoomEvent.DtmfReceived, (code, digit, { identity }) =>
    tell({ event: 'digit', code, digit, identity }),
  )
  .on(RoomEvent.DataReceived, (payload, participant, kind, topic) => {
    const text = new TextDecoder().decode(payload);
    tell({ event: 'data', text, topic, identity: participant?.identity });
  })
  .on(RoomEvent.ParticipantAttributesChanged, (attributes, { identity }) =>
    tell({ event: 'attributes', attributes, identity }),
  )
  .on(RoomEvent.TrackMuted, (_, { identity }) => tell({ event: 'muted', identity }))
  .on(RoomEvent.TrackUnmuted, (_, { identity }) => tell({ event: 'unmuted', identity }))
  .on(RoomEvent.Reconnecting, () => tell({ event: 'reconnecting' }))
  .on(RoomEvent.Reconnected, () => tell({ event: 'reconnected' }))
  .on(RoomEvent.Disconnected, (reason) => tell({ event: 'disconnected', reason }));

const commands = {
  async connect({ url, token }) {
    room = new Room();
    follow();
    await room.connect(url, token, { autoSubscribe: true, dynacast: false });
    room.localParticipant.registerRpcMethod(
      'echo',
      async ({ callerIdentity, payload }) => `${callerIdentity} said ${payload}`,
    );
    const sid = await room.getSid();
    return { sid, participant: room.localParticipant.sid, others: [...room.remoteParticipants.keys()] };
  },
  async speak({ frequency }) {
    const source = new AudioSource(RATE, 1);
    const track = LocalAudioTrack.createAudioTrack('mic', source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    const publication = await room.localParticipant.publishTrack(track, options);
    hum(source, frequency);
    return publication.sid;
  },
  level({ identity, frequency }) {
    const kept = heard.get(identity);
    return kept && Date.now() - kept.at < 500 ? amplitude(kept.samples, frequency) : 0;
  },
  async digit({ code, digit }) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  async data({ text, topic, reliable }) {
    const payload = new TextEncoder().encode(text);
    await room.localParticipant.publishData(payload, { reliable, topic });
  },
  async attributes({ attributes }) {
    await room.localParticipant.setAttributes(attributes);
  },
  async rpc({ identity, method, text }) {
    const asked = { destinationIdentity: identity, method, payload: text };
    return room.localParticipant.performRpc(asked);
  },
  async leave() {
    await room.disconnect();
  },
};

control.on('message', async (data) => {
  const { id, do: name, ...details } = JSON.parse(data);
  try {
    tell({ id, result: (await commands[name](details)) ?? null });
  } catch (error) {
    tell({ id, error: `${error?.stack ?? error}` });
  }
});
control.on('close', async () => {
  await dispose();
  process.exit(0);
});
