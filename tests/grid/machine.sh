# What the scripts beside this one have in common, which read it by "." and have set BASE, the folder of their files.

die() { echo "${0##*/}: $*" >&2; exit 1; }
within() { # SECONDS CMD...: tries CMD until it succeeds
    tries=$(($1 * 20)); shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1)); [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}
install_packages() { # PACKAGE...: installs those of Debian that are missing
    # One script after another: a second apt-get would not wait for the first one's lists.
    { flock 8; install_missing "$@" 8<&-; } 8</var/lib/dpkg
}
install_missing() { # PACKAGE...
    missing=
    for package; do
        [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    # Installing fails on a machine whose name has no address. Not getent: it answers nothing where lo is alone.
    perl -e 'exit !defined gethostbyname shift' "$(hostname)" || echo "127.0.0.1 $(hostname)" >>/etc/hosts
    # The packages would start daemons of their own.
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; fi
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600"
    code=0
    # Without the lock that the scripts hold: what is installed may leave a process.
    { $apt update && $apt -y --no-install-recommends install $missing; } </dev/null >$BASE/apt.log 2>&1 9>&- || code=$?
    [ -z "$policy" ] || rm $policy
    [ $code = 0 ] || die "cannot install$missing: $(tail -5 $BASE/apt.log)"
}
