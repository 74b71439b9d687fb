#!/bin/sh
# Makes the keys of a fleet, once, and gives each role only what it needs: the init step of compose.yaml.
set -eu
broker=/keys/broker

hand_out() { # NAME ROLE: the key of one more machine, which may be here already, or half made
    [ ! -e "/keys/$2/$2.key_secret" ] || return 0
    rm -rf "$broker/machines/$1" "$broker/$2s/$1.key"
    filterfleet keys "$broker" "--$2" "$1" >/dev/null
    mv "$broker/machines/$1/broker.key" "/keys/$2/"
    mv "$broker/machines/$1/$2.key_secret" "/keys/$2/" # last: it says that all is there
    rmdir "$broker/machines/$1"
    echo "keys made: $1"
}

hand_out workers worker
hand_out clients client
