#!/bin/sh
# `make talk`: a conversation. Where there is no microphone or no speaker, recorded voices speak instead.
# usage: talk.sh PATH-OF-VIVA [arguments of viva talk]
set -u
viva=$1
shift
"$viva" talk "$@"
code=$?
if [ "$code" != 3 ] || [ "$#" != 0 ]; then
    exit "$code"
fi
voices=tests/recordings
demo() {
    "$viva" talk --tools examples/weather.py --mic "$voices/whats_the_weather.wav" --mic "$voices/tardigrades.wav" \
        --mic "$voices/questions/09.wav@1.5" --mic "$voices/questions/10.wav" "$@"
}
echo
echo "There is no microphone here, so four recorded voices speak for you: a question about the weather, a request for a story,"
echo "a question that interrupts it, and a goodbye."
demo
code=$?
if [ "$code" = 3 ]; then
    echo
    echo "There is no speaker either: what you would have heard is written to talk.wav."
    demo --speaker talk.wav
    code=$?
fi
exit "$code"
