#!/bin/sh
# Installs the programs that the interoperability tests talk to, where they are missing.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }

need sipp sip-tester
need baresip baresip-core
need linphonec linphone-cli
need kamailio kamailio
need tshark tshark
need ip iproute2
need unshare util-linux
need openssl openssl
need ruby ruby
need espeak-ng espeak-ng
need chromium chromium
need firefox-esr firefox-esr
need pulseaudio pulseaudio
need parec pulseaudio-utils
ls /usr/lib/*/kamailio/modules/tls.so >/dev/null 2>&1 || missing="$missing kamailio-tls-modules"
ls /usr/lib/*/libportaudio.so.2 >/dev/null 2>&1 || missing="$missing libportaudio2"
ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so >/dev/null 2>&1 || missing="$missing libasound2-plugins"
ruby -e 'require "google/protobuf"; require "faraday"; require "jwt"' >/dev/null 2>&1 ||
    missing="$missing ruby-google-protobuf ruby-faraday ruby-jwt"

[ -z "$missing" ] && exit 0
echo "peers: installing$missing (apt)" >&2
if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
for program in sipp baresip linphonec kamailio tshark ip openssl ruby espeak-ng chromium firefox-esr pulseaudio parec; do
    command -v "$program" >/dev/null 2>&1 || { echo "peers: $program is missing" >&2; exit 1; }
done
