#!/bin/sh
# Install the Debian packages named as arguments, where that is allowed (root, or sudo without a password).
# Anywhere else, or where apt is absent, name in one sentence what is missing and go on: the rest may work without them.
set -u
command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "Please install:$missing (sudo apt-get install$missing)"
    exit 0
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is meant to be split into words
if ! { $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1; then
    echo "Could not install:$missing (see: apt-get install$missing)"
fi
