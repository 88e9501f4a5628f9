// A client of server-sdk-go (Pion) that does what a test says, over a WebSocket: see
// tests/interop/support/remote.py for the commands. It has no codec: `speak` takes the packets of
// 20 ms that are sent again and again, `packets` gives those that came of a participant.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const (
	frame = 20 * time.Millisecond
	kept  = 100 // packets
)

type command struct {
	ID         int               `json:"id"`
	Do         string            `json:"do"`
	URL        string            `json:"url"`
	Token      string            `json:"token"`
	Packets    [][]byte          `json:"packets"`
	Identity   string            `json:"identity"`
	Code       uint32            `json:"code"`
	Digit      string            `json:"digit"`
	Text       string            `json:"text"`
	Topic      string            `json:"topic"`
	Reliable   bool              `json:"reliable"`
	Attributes map[string]string `json:"attributes"`
	Muted      bool              `json:"muted"`
	Single     bool              `json:"single"`
	Method     string            `json:"method"`
}

type fields map[string]any

type client struct {
	lock        sync.Mutex
	control     *websocket.Conn
	room        *lksdk.Room
	publication *lksdk.LocalTrackPublication
	heard       map[string][][]byte
}

func (c *client) tell(message fields) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if err := c.control.WriteJSON(message); err != nil {
		fmt.Println("tell:", err)
	}
}

func (c *client) callback() *lksdk.RoomCallback {
	return &lksdk.RoomCallback{
		OnParticipantConnected: func(p *lksdk.RemoteParticipant) {
			c.tell(fields{"event": "joined", "identity": p.Identity()})
		},
		OnParticipantDisconnected: func(p *lksdk.RemoteParticipant) {
			c.tell(fields{"event": "left", "identity": p.Identity()})
		},
		OnDisconnectedWithReason: func(reason lksdk.DisconnectionReason) {
			c.tell(fields{"event": "disconnected", "reason": reason})
		},
		OnReconnecting: func() { c.tell(fields{"event": "reconnecting"}) },
		OnReconnected:  func() { c.tell(fields{"event": "reconnected"}) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, p *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				c.tell(fields{"event": "subscribed", "identity": from.Identity(), "mime": p.MimeType()})
				go c.listen(track, from.Identity())
			},
			OnTrackMuted: func(_ lksdk.TrackPublication, p lksdk.Participant) {
				c.tell(fields{"event": "muted", "identity": p.Identity()})
			},
			OnAttributesChanged: func(changed map[string]string, p lksdk.Participant) {
				c.tell(fields{"event": "attributes", "identity": p.Identity(), "attributes": changed})
			},
			OnDataPacket: func(packet lksdk.DataPacket, from lksdk.DataReceiveParams) {
				switch value := packet.(type) {
				case *lksdk.UserDataPacket:
					c.tell(fields{"event": "data", "identity": from.SenderIdentity, "text": string(value.Payload), "topic": value.Topic})
				case *livekit.SipDTMF:
					c.tell(fields{"event": "digit", "identity": from.SenderIdentity, "code": value.Code, "digit": value.Digit})
				}
			},
		},
	}
}

func (c *client) listen(track *webrtc.TrackRemote, identity string) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		c.lock.Lock()
		packets := append(c.heard[identity], packet.Payload)
		c.heard[identity] = packets[max(0, len(packets)-kept):]
		c.lock.Unlock()
	}
}

func hum(track *lksdk.LocalSampleTrack, packets [][]byte) {
	ticks := time.NewTicker(frame)
	for at := 0; ; at++ {
		<-ticks.C
		sample := media.Sample{Data: packets[at%len(packets)], Duration: frame}
		if err := track.WriteSample(sample, nil); err != nil {
			return
		}
	}
}

func (c *client) connect(asked command) (any, error) {
	options := []lksdk.ConnectOption{}
	if asked.Single {
		options = append(options, lksdk.WithSinglePeerConnection())
	}
	room, err := lksdk.ConnectToRoomWithToken(asked.URL, asked.Token, c.callback(), options...)
	if err != nil {
		return nil, err
	}
	c.room = room
	err = room.RegisterRpcMethod("echo", func(asked lksdk.RpcInvocationData) (string, error) {
		return asked.CallerIdentity + " said " + asked.Payload, nil
	})
	if err != nil {
		return nil, err
	}
	others := []string{}
	for _, one := range room.GetRemoteParticipants() {
		others = append(others, one.Identity())
	}
	return fields{"sid": room.SID(), "participant": room.LocalParticipant.SID(), "others": others}, nil
}

func (c *client) speak(asked command) (any, error) {
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	track, err := lksdk.NewLocalSampleTrack(capability)
	if err != nil {
		return nil, err
	}
	options := &lksdk.TrackPublicationOptions{Name: "mic", Source: livekit.TrackSource_MICROPHONE}
	if c.publication, err = c.room.LocalParticipant.PublishTrack(track, options); err != nil {
		return nil, err
	}
	go hum(track, asked.Packets)
	return c.publication.SID(), nil
}

func (c *client) do(asked command) (any, error) {
	switch asked.Do {
	case "connect":
		return c.connect(asked)
	case "speak":
		return c.speak(asked)
	case "packets":
		c.lock.Lock()
		defer c.lock.Unlock()
		packets := c.heard[asked.Identity]
		delete(c.heard, asked.Identity)
		return packets, nil
	case "digit":
		digit := &livekit.SipDTMF{Code: asked.Code, Digit: asked.Digit}
		return nil, c.room.LocalParticipant.PublishDataPacket(digit, lksdk.WithDataPublishReliable(true))
	case "data":
		data := &lksdk.UserDataPacket{Payload: []byte(asked.Text), Topic: asked.Topic}
		return nil, c.room.LocalParticipant.PublishDataPacket(data, lksdk.WithDataPublishReliable(asked.Reliable))
	case "attributes":
		c.room.LocalParticipant.SetAttributes(asked.Attributes)
		return nil, nil
	case "mute":
		c.publication.SetMuted(asked.Muted)
		return nil, nil
	case "rpc":
		wanted := lksdk.PerformRpcParams{DestinationIdentity: asked.Identity, Method: asked.Method, Payload: asked.Text}
		return c.room.LocalParticipant.PerformRpc(wanted)
	case "leave":
		c.room.Disconnect()
		return nil, nil
	}
	return nil, fmt.Errorf("no command %q", asked.Do)
}

func main() {
	control, _, err := websocket.DefaultDialer.Dial(os.Args[1], nil)
	if err != nil {
		panic(err)
	}
	c := &client{control: control, heard: map[string][][]byte{}}
	for {
		_, text, err := control.ReadMessage()
		if err != nil {
			return
		}
		var asked command
		if err := json.Unmarshal(text, &asked); err != nil {
			panic(err)
		}
		go func() {
			if result, err := c.do(asked); err != nil {
				c.tell(fields{"id": asked.ID, "error": err.Error()})
			} else {
				c.tell(fields{"id": asked.ID, "result": result})
			}
		}()
	}
}
