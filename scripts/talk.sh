#!/bin/sh
# `make talk`: a conversation. Where there is no microphone or no speaker, recorded voices speak instead.
# usage: talk.sh PATH-OF-VIVA [arguments of viva talk]
set -u
viva=$1
shift
if [ "$#" -gt 0 ]; then
    exec "$viva" talk "$@"
fi
voices=tests/recordings
demo() {
    "$viva" talk --tools examples/weather.py --mic "$voices/whats_the_weather.wav" --mic "$voices/tardigrades.wav" \
        --mic "$voices/questions/09.wav@1.5" --mic "$voices/questions/10.wav" "$@"
}
four="four recorded voices speak for you: a question about the weather, a request for a story, a question that interrupts it,
and a goodbye."
why=$("$viva" devices 2>&1 >/dev/null)
if [ "$?" = 3 ]; then
    echo "$why"
    echo "So $four"
    echo "What you would have heard is written to talk.wav."
    demo --speaker talk.wav
    exit
fi
began=$(date +%s)
"$viva" talk
code=$?
# 3: no audio device. Devices are opened first of all; a talk that lasted had them and lost one, which is no case for a demonstration.
if [ "$code" != 3 ] || [ $(($(date +%s) - began)) -gt 10 ]; then
    exit "$code"
fi
echo
echo "So $four"
demo
code=$?
if [ "$code" = 3 ]; then
    echo
    echo "There is no speaker either: what you would have heard is written to talk.wav."
    demo --speaker talk.wav
    code=$?
fi
exit "$code"
