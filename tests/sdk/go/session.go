// A user's session on any release of server-sdk-go. What to do comes as JSON in the first argument,
// what came of it is printed as one line of JSON a step. The exit code says whether it went well.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

type plan struct {
	Room         string `json:"room"`
	Number       string `json:"number"`
	Callee       string `json:"callee"`
	CalleeAt     string `json:"callee_at"`
	BusyCallee   string `json:"busy_callee"`
	BusyCalleeAt string `json:"busy_callee_at"`
	Busy         string `json:"busy"`
	Silent       string `json:"silent"`
	Free         string `json:"free"`
}

type step map[string]any

func tell(name string, fields step) {
	fields["step"] = name
	line, err := json.Marshal(fields)
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "unexpected: %T %v\n", err, err)
		os.Exit(1)
	}
}

// fault says what the SDK makes of an error: its own types, and what they carry.
func fault(err error) step {
	if err == nil {
		return step{"class": ""}
	}
	found := step{"class": fmt.Sprintf("%T", err), "message": err.Error()}
	if sip := lksdk.SIPStatusFrom(err); sip != nil {
		found["sip_status_code"] = int32(sip.Code)
		found["sip_status"] = sip.Status
	}
	var failed twirp.Error
	if errors.As(err, &failed) {
		found["code"] = string(failed.Code())
		found["message"] = failed.Msg()
		found["metadata"] = failed.MetaMap()
	} else if grpc, ok := status.FromError(err); ok {
		found["code"] = grpc.Code().String()
		found["message"] = grpc.Message()
	}
	return found
}

type session struct {
	ctx  context.Context
	sip  *lksdk.SIPClient
	room *lksdk.RoomServiceClient
	plan plan
}

func (s *session) trunks() (string, string) {
	in, err := s.sip.CreateSIPInboundTrunk(s.ctx, &livekit.CreateSIPInboundTrunkRequest{
		Trunk: &livekit.SIPInboundTrunkInfo{Name: "in of " + s.plan.Room, Numbers: []string{s.plan.Number}},
	})
	must(err)
	out, err := s.sip.CreateSIPOutboundTrunk(s.ctx, &livekit.CreateSIPOutboundTrunkRequest{
		Trunk: &livekit.SIPOutboundTrunkInfo{
			Name: "out of " + s.plan.Room, Address: s.plan.CalleeAt, Numbers: []string{s.plan.Number},
		},
	})
	must(err)
	name := "renamed"
	updated, err := s.sip.UpdateSIPInboundTrunk(s.ctx, &livekit.UpdateSIPInboundTrunkRequest{
		SipTrunkId: in.SipTrunkId,
		Action: &livekit.UpdateSIPInboundTrunkRequest_Update{
			Update: &livekit.SIPInboundTrunkUpdate{Name: &name},
		},
	})
	must(err)
	// In the order asked for, with a hole for what does not exist: the SDK's own doing.
	got, err := s.sip.GetSIPInboundTrunksByIDs(s.ctx, []string{"ST_none", in.SipTrunkId})
	must(err)
	if len(got) != 2 || got[0] != nil || got[1].GetName() != name {
		must(fmt.Errorf("trunks by id: %v", got))
	}
	ins, err := s.sip.ListSIPInboundTrunk(s.ctx, &livekit.ListSIPInboundTrunkRequest{})
	must(err)
	outs, err := s.sip.ListSIPOutboundTrunk(s.ctx, &livekit.ListSIPOutboundTrunkRequest{})
	must(err)
	listed := []string{}
	for _, item := range ins.Items {
		listed = append(listed, item.SipTrunkId)
	}
	for _, item := range outs.Items {
		listed = append(listed, item.SipTrunkId)
	}
	tell("trunks", step{
		"inbound": in.SipTrunkId, "outbound": out.SipTrunkId, "listed": listed,
		"name": in.Name, "numbers": updated.Numbers, "updated": updated.Name,
	})
	return in.SipTrunkId, out.SipTrunkId
}

func (s *session) rule(trunk string) string {
	rule, err := s.sip.CreateSIPDispatchRule(s.ctx, &livekit.CreateSIPDispatchRuleRequest{
		DispatchRule: &livekit.SIPDispatchRuleInfo{
			Name:     "rule of " + s.plan.Room,
			TrunkIds: []string{trunk},
			Rule: &livekit.SIPDispatchRule{Rule: &livekit.SIPDispatchRule_DispatchRuleDirect{
				DispatchRuleDirect: &livekit.SIPDispatchRuleDirect{RoomName: s.plan.Room},
			}},
		},
	})
	must(err)
	name := "renamed"
	updated, err := s.sip.UpdateSIPDispatchRule(s.ctx, &livekit.UpdateSIPDispatchRuleRequest{
		SipDispatchRuleId: rule.SipDispatchRuleId,
		Action: &livekit.UpdateSIPDispatchRuleRequest_Update{
			Update: &livekit.SIPDispatchRuleUpdate{Name: &name},
		},
	})
	must(err)
	list, err := s.sip.ListSIPDispatchRule(s.ctx, &livekit.ListSIPDispatchRuleRequest{})
	must(err)
	listed := []string{}
	for _, item := range list.Items {
		listed = append(listed, item.SipDispatchRuleId)
	}
	tell("rule", step{
		"rule": rule.SipDispatchRuleId, "listed": listed, "updated": updated.Name,
		"room": updated.GetRule().GetDispatchRuleDirect().GetRoomName(),
	})
	return rule.SipDispatchRuleId
}

// active waits until a phone is up in the room, as a program does that has only the list to go by.
func (s *session) active(identity string) *livekit.ParticipantInfo {
	for range 200 {
		list, err := s.room.ListParticipants(s.ctx, &livekit.ListParticipantsRequest{Room: s.plan.Room})
		must(err)
		for _, one := range list.Participants {
			wanted := identity == "" || identity == one.Identity
			if wanted && one.Attributes["sip.callStatus"] == "active" {
				return one
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(fmt.Errorf("nobody is active in %s", s.plan.Room))
	return nil
}

func (s *session) transfer(identity, target string, ring time.Duration) step {
	request := &livekit.TransferSIPParticipantRequest{
		RoomName: s.plan.Room, ParticipantIdentity: identity, TransferTo: target,
	}
	if ring > 0 {
		request.RingingTimeout = durationpb.New(ring)
	}
	_, err := s.sip.TransferSIPParticipant(s.ctx, request)
	return fault(err)
}

func (s *session) dial(trunk *livekit.SIPOutboundConfig, id, callee, identity string) (*livekit.SIPParticipantInfo, error) {
	return s.sip.CreateSIPParticipant(s.ctx, &livekit.CreateSIPParticipantRequest{
		SipTrunkId: id, Trunk: trunk, SipNumber: s.plan.Number, SipCallTo: callee, RoomName: s.plan.Room,
		ParticipantIdentity: identity, WaitUntilAnswered: true,
		RingingTimeout: durationpb.New(10 * time.Second),
	})
}

func (s *session) calls(trunk string) {
	caller := s.active("")
	tell("participant", step{
		"identity": caller.Identity, "kind": caller.Kind.String(), "attributes": caller.Attributes,
	})
	tell("busy", s.transfer(caller.Identity, s.plan.Busy, 0))
	tell("transferred", s.transfer(caller.Identity, s.plan.Free, 0))
	inline := &livekit.SIPOutboundConfig{Hostname: s.plan.BusyCalleeAt}
	_, err := s.dial(inline, "", s.plan.BusyCallee, "busy")
	tell("dial_busy", fault(err))
	info, err := s.dial(nil, trunk, s.plan.Callee, "callee")
	must(err)
	tell("dialled", step{
		"sip_call_id": info.SipCallId, "identity": info.ParticipantIdentity, "room": info.RoomName,
	})
	callee := s.active("callee")
	tell("callee", step{"kind": callee.Kind.String(), "attributes": callee.Attributes})
	tell("timeout", s.transfer("callee", s.plan.Silent, time.Second))
	_, err = s.room.RemoveParticipant(s.ctx, &livekit.RoomParticipantIdentity{
		Room: s.plan.Room, Identity: "callee",
	})
	must(err)
}

func (s *session) clean(rule string, trunks ...string) {
	deleted, err := s.sip.DeleteSIPDispatchRule(s.ctx, &livekit.DeleteSIPDispatchRuleRequest{
		SipDispatchRuleId: rule,
	})
	must(err)
	gone := []string{}
	for _, id := range trunks {
		info, err := s.sip.DeleteSIPTrunk(s.ctx, &livekit.DeleteSIPTrunkRequest{SipTrunkId: id})
		must(err)
		gone = append(gone, info.SipTrunkId)
	}
	list, err := s.sip.ListSIPInboundTrunk(s.ctx, &livekit.ListSIPInboundTrunkRequest{})
	must(err)
	left := slices.ContainsFunc(list.Items, func(item *livekit.SIPInboundTrunkInfo) bool {
		return item.SipTrunkId == trunks[0]
	})
	tell("deleted", step{"rule": deleted.Name, "trunks": gone, "left": left})
}

func main() {
	url, key, secret := os.Getenv("LIVEKIT_URL"), os.Getenv("LIVEKIT_API_KEY"), os.Getenv("LIVEKIT_API_SECRET")
	s := &session{
		ctx:  context.Background(),
		sip:  lksdk.NewSIPClient(url, key, secret),
		room: lksdk.NewRoomServiceClient(url, key, secret),
	}
	must(json.Unmarshal([]byte(os.Args[1]), &s.plan))
	in, out := s.trunks()
	rule := s.rule(in)
	tell("ready", step{})
	s.calls(out)
	s.clean(rule, in, out)
}
