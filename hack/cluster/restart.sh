#!/bin/bash
# restart.sh NAME: ends a component (SIGNAL, default TERM) and starts it again. Names: see components.sh.
. "$(dirname "$(readlink -f "$0")")/common.sh"

[ $# = 1 ] || die "usage: restart.sh NAME"
inside "$HERE/components.sh" stop "$1"
inside "$HERE/components.sh" start "$1"
