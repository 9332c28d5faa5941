#!/bin/sh
# A browser, on a Debian machine, for the tests of the live page. Needs root.
#
#   chromium.sh up      install it, if it is missing
set -eu
BASE=/tmp/parallel-chromium

. "$(dirname "$0")/machine.sh"

[ "${1:-}" = up ] || die "say: chromium.sh up"
mkdir -p $BASE
install_packages chromium
rm -rf $BASE
