// A client of livekit-client in a browser that does what a test says, over a WebSocket: see
// tests/interop/support/remote.py for the commands. Beside those:
//   microphone() → track sid, of the browser's own microphone    mute(muted)
//   break_socket()                                              stats() → RTCStatsReport entries
//   camera() → track sid, of the browser's own camera            picture(identity) → width, height,
//                                                               pictures so far
'use strict';

const { Room, RoomEvent, Track } = LivekitClient;
const SAID = 8000 / 32768; // amplitude of the tone
const control = new WebSocket(`ws://${location.host}/control`);
const tell = (message) => control.send(JSON.stringify(message));
let sound = null;
const heard = new Map(); // analysers by identity
const seen = new Map(); // video elements by identity
const sockets = [];
let room = null;

// The SDK's sockets are kept, that the test can break one as a network does.
const PlainWebSocket = WebSocket;
window.WebSocket = class extends PlainWebSocket {
  constructor(...details) {
    super(...details);
    sockets.push(this);
  }
};

function amplitude(samples, frequency) {
  let real = 0;
  let imaginary = 0;
  for (let at = 0; at < samples.length; at += 1) {
    const angle = (2 * Math.PI * frequency * at) / sound.sampleRate;
    real += samples[at] * Math.cos(angle);
    imaginary += samples[at] * Math.sin(angle);
  }
  return (2 * 32768 * Math.hypot(real, imaginary)) / samples.length;
}

function listen(track, identity) {
  document.body.append(track.attach()); // Chromium gives WebAudio nothing of a track nobody plays
  const analyser = new AnalyserNode(sound, { fftSize: 16384 });
  sound.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(analyser);
  heard.set(identity, analyser);
}

function follow() {
  room
    .on(RoomEvent.TrackSubscribed, (track, publication, { identity }) => {
      tell({ event: 'subscribed', identity, mime: publication.mimeType });
      if (track.kind === Track.Kind.Audio) listen(track, identity);
      else seen.set(identity, document.body.appendChild(track.attach()));
    })
    .on(RoomEvent.ParticipantConnected, ({ identity }) => tell({ event: 'joined', identity }))
    .on(RoomEvent.ParticipantDisconnected, ({ identity }) => tell({ event: 'left', identity }))
    .on(RoomEvent.SipDTMFReceived, ({ code, digit }, participant) =>
      tell({ event: 'digit', code, digit, identity: participant?.identity }),
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
    .on(RoomEvent.SignalReconnecting, () => tell({ event: 'reconnecting' }))
    .on(RoomEvent.Reconnecting, () => tell({ event: 'media reconnecting' }))
    .on(RoomEvent.Reconnected, () => tell({ event: 'reconnected' }))
    .on(RoomEvent.Disconnected, (reason) => tell({ event: 'disconnected', reason }));
}

const microphone = () => room.localParticipant.getTrackPublication(Track.Source.Microphone);

const commands = {
  async connect({ url, token, single = true }) {
    room = new Room({ singlePeerConnection: single });
    follow();
    await room.connect(url, token);
    room.registerRpcMethod(
      'echo',
      async ({ callerIdentity, payload }) => `${callerIdentity} said ${payload}`,
    );
    sound = new AudioContext({ sampleRate: 48000 });
    sound.resume(); // not awaited: Firefox says so late, or never
    const sid = await room.getSid();
    const others = [...room.remoteParticipants.keys()];
    return { sid, participant: room.localParticipant.sid, others, agent: navigator.userAgent };
  },
  async speak({ frequency }) {
    const tone = new OscillatorNode(sound, { frequency });
    const out = new MediaStreamAudioDestinationNode(sound, { channelCount: 1 });
    tone.connect(new GainNode(sound, { gain: SAID })).connect(out);
    tone.start();
    const [track] = out.stream.getAudioTracks();
    const options = { source: Track.Source.Microphone };
    return (await room.localParticipant.publishTrack(track, options)).trackSid;
  },
  async microphone() {
    return (await room.localParticipant.setMicrophoneEnabled(true)).trackSid;
  },
  async camera() {
    const capture = { resolution: { width: 1280, height: 720, frameRate: 30 } };
    return (await room.localParticipant.setCameraEnabled(true, capture)).trackSid;
  },
  picture({ identity }) {
    const element = seen.get(identity);
    if (element === undefined) return { width: 0, height: 0, pictures: 0 };
    const { videoWidth: width, videoHeight: height } = element;
    return { width, height, pictures: element.getVideoPlaybackQuality().totalVideoFrames };
  },
  level({ identity, frequency }) {
    const analyser = heard.get(identity);
    if (analyser === undefined) return 0;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return amplitude(samples.slice(-9600), frequency);
  },
  async mute({ muted }) {
    await (muted ? microphone().mute() : microphone().unmute());
  },
  async digit({ code, digit }) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  async data({ text, topic, reliable }) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), { reliable, topic });
  },
  async attributes({ attributes }) {
    await room.localParticipant.setAttributes(attributes);
  },
  break_socket() {
    for (const socket of sockets) socket.close();
  },
  async stats() {
    const { publisher, subscriber } = room.engine.pcManager;
    const reports = await Promise.all([publisher, subscriber].map((one) => one?.getStats()));
    return reports.flatMap((report) => (report ? [...report.values()] : []));
  },
  async rpc({ identity, method, text }) {
    const asked = { destinationIdentity: identity, method, payload: text };
    return room.localParticipant.performRpc(asked);
  },
  async leave() {
    await room.disconnect();
  },
};

control.onmessage = async ({ data }) => {
  const { id, do: name, ...details } = JSON.parse(data);
  try {
    tell({ id, result: (await commands[name](details)) ?? null });
  } catch (error) {
    tell({ id, error: `${error}\n${error?.stack}` });
  }
};
window.onerror = (message) => tell({ event: 'fault', message });
window.onunhandledrejection = ({ reason }) => tell({ event: 'fault', message: `${reason}` });
