#!/usr/bin/env bash
# A sound card for machines that have none: what the tests of src/vivavoce/devices/ and a talk on a build server use.
# PulseAudio in user space (works as root, no systemd, no dbus): a speaker and a microphone, both of them null sinks.
# Needs: apt install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2
#   virtual-audio.sh start | stop | status | env
#   into the microphone: paplay --device=mic_feed FILE.wav     out of the speaker: parec --device=speaker.monitor ...
# norewinds=1: without it a null sink works in blocks of 2 s. Never set PULSE_LATENCY_MSEC: its block is 50 ms, gaps follow.
# One private directory ($VA_DIR) holds socket, pid, log and ALSA config: nothing under $HOME or /etc is touched.
set -euo pipefail
VA_DIR=${VA_DIR:-$(dirname "$(mktemp -u)")/virtual-audio}
RATE=${VA_RATE:-48000}
SOCK=$VA_DIR/native
env_lines() {
  cat <<X
export PULSE_SERVER=unix:$SOCK
export PULSE_RUNTIME_PATH=$VA_DIR/run
export PULSE_STATE_PATH=$VA_DIR/state
export PULSE_COOKIE=$VA_DIR/cookie
export ALSA_CONFIG_PATH=$VA_DIR/asound.conf
export VA_DIR=$VA_DIR
X
}
alive() { [ -s "$VA_DIR/pid" ] && kill -0 "$(cat "$VA_DIR/pid")" 2>/dev/null && timeout 10 pactl info >/dev/null 2>&1; }
eval "$(env_lines)"
start() {
  if alive; then echo "virtual-audio: already running (pid $(cat "$VA_DIR/pid"))" >&2; return 0; fi
  rm -rf "$VA_DIR"; install -d -m 700 "$VA_DIR" "$VA_DIR/run" "$VA_DIR/state"
  cat > "$VA_DIR/default.pa" <<X
load-module module-native-protocol-unix socket=$SOCK auth-anonymous=1 auth-cookie-enabled=0
load-module module-null-sink norewinds=1 sink_name=speaker rate=$RATE channels=2 format=s16le sink_properties=device.description=VirtualSpeaker
load-module module-null-sink norewinds=1 sink_name=mic_feed rate=$RATE channels=1 format=s16le sink_properties=device.description=VirtualMicFeed
load-module module-remap-source master=mic_feed.monitor source_name=mic channels=1 source_properties=device.description=VirtualMic
set-default-sink speaker
set-default-source mic
X
  cat > "$VA_DIR/asound.conf" <<X
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse server "unix:$SOCK" hint { show on description "Default (virtual PulseAudio)" } }
ctl.!default { type pulse server "unix:$SOCK" }
X

  # -n: no default.pa of the machine; --exit-idle-time=-1: stay; no --system; no rtkit/dbus needed
  env -u DBUS_SESSION_BUS_ADDRESS -u DISPLAY setsid pulseaudio -n -F "$VA_DIR/default.pa" --daemonize=no \
     --use-pid-file=no --exit-idle-time=-1 --disallow-exit=no --disable-shm=yes --realtime=no --high-priority=no \
     --log-target=file:"$VA_DIR/pulse.log" --log-level=notice </dev/null >>"$VA_DIR/stdout.log" 2>&1 &
  echo $! > "$VA_DIR/pid"
  for _ in $(seq 1000); do
    if alive && pactl list short sources 2>/dev/null | grep -qE '^[0-9]+[[:space:]]mic[[:space:]]'; then return 0; fi
    kill -0 "$(cat "$VA_DIR/pid")" 2>/dev/null || { echo "virtual-audio: pulseaudio died:" >&2; cat "$VA_DIR"/*.log >&2; return 1; }
    sleep 0.05
  done
  echo "virtual-audio: not ready after 50 s" >&2; cat "$VA_DIR"/*.log >&2; stop; return 1
}
stop() {
  [ -s "$VA_DIR/pid" ] || return 0
  local p; p=$(cat "$VA_DIR/pid")
  kill "$p" 2>/dev/null || true
  for _ in $(seq 60); do kill -0 "$p" 2>/dev/null || break; sleep 0.05; done
  kill -9 "$p" 2>/dev/null || true
  rm -f "$VA_DIR/pid" "$SOCK"
}
case ${1:-} in
  start) start ;;
  stop) stop ;;
  status) if alive; then echo running; else echo stopped; exit 3; fi ;;
  env) env_lines ;;
  *) echo "usage: $0 start|stop|status|env" >&2; exit 2 ;;
esac
