#!/bin/sh
# Makes the PIN prompts (8 kHz, mono, 16 bit) with espeak-ng and sox. Run by hand when a text
# changes; the files are committed, so that nobody needs the tools.
set -eu
out=$(dirname "$0")/../src/hookflash/audio/prompts

say() {
    espeak-ng -v en-us -s 150 -w "$out/.raw.wav" "$2"
    sox "$out/.raw.wav" -r 8000 -c 1 -b 16 "$out/$1.wav" norm -6 pad 0.1 0.2
    rm "$out/.raw.wav"
}

say enter_pin "Please enter your PIN, followed by the pound key."
say wrong_pin "That PIN is not valid."
say room_join "Thank you. You are being connected."
