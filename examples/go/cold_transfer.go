// Transfer a caller: `go run . ROOM TARGET [IDENTITY]`.
//
// TARGET is a `tel:` or `sip:` address. Without IDENTITY it takes the only phone in the room.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

var url, key, secret = os.Getenv("LIVEKIT_URL"), os.Getenv("LIVEKIT_API_KEY"), os.Getenv("LIVEKIT_API_SECRET")

func onlyPhone(ctx context.Context, room string) (string, error) {
	client := lksdk.NewRoomServiceClient(url, key, secret)
	list, err := client.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	if err != nil {
		return "", err
	}
	var phones []string
	for _, one := range list.Participants {
		if one.Kind == livekit.ParticipantInfo_SIP {
			phones = append(phones, one.Identity)
		}
	}
	if len(phones) == 0 {
		return "", fmt.Errorf("phones in %s: none", room)
	}
	if len(phones) > 1 {
		return "", fmt.Errorf("phones in %s: %s; say which one to transfer", room, strings.Join(phones, ", "))
	}
	return phones[0], nil
}

func transfer(ctx context.Context, room, target, caller string) error {
	if caller == "" {
		var err error
		if caller, err = onlyPhone(ctx, room); err != nil {
			return err
		}
	}
	client := lksdk.NewSIPClient(url, key, secret)
	fmt.Printf("transferring %s to %s ...\n", caller, target)
	_, err := client.TransferSIPParticipant(ctx, &livekit.TransferSIPParticipantRequest{
		RoomName:            room,
		ParticipantIdentity: caller,
		TransferTo:          target,
		PlayDialtone:        true,
	})
	if err == nil {
		fmt.Printf("%s now talks to %s\n", caller, target)
	}
	return err
}

func main() {
	arguments := append(os.Args[1:], "")
	if len(arguments) < 3 {
		fmt.Fprintln(os.Stderr, "usage: cold_transfer ROOM TARGET [IDENTITY]")
		os.Exit(2)
	}
	err := transfer(context.Background(), arguments[0], arguments[1], arguments[2])
	if err == nil {
		return
	}
	if sip := lksdk.SIPStatusFrom(err); sip != nil { // somebody on the telephone side said no
		fmt.Printf("not transferred: %d %s (%v)\n", sip.Code, sip.Status, err)
	} else { // the request itself was wrong, or nobody answered in time
		fmt.Printf("not transferred: %v\n", err)
	}
	os.Exit(1)
}
