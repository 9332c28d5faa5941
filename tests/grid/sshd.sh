#!/bin/sh
# A host that ssh logs in to, on one Debian machine, for the tests. Needs root.
#
#   sshd.sh up          make it; what is right already is left alone
#   sshd.sh down        end it and remove what it left
#   sshd.sh ssh         print the words of a command that logs in: $(sshd.sh ssh) 10.79.0.11 hostname
#   sshd.sh run CMD...  run CMD there, without a login
#   sshd.sh cut         lose all packets from and to it, silently
#   sshd.sh heal        undo that
#   sshd.sh crash       cut it off, and end all its processes at once
#   sshd.sh boot        start it again, after a crash
#
# The host, "far", has network, host name, processes and mounts of its own; the files are this machine's, as with NFS. This
# machine is 10.79.0.1 to it. It has the addresses 10.79.0.11 to 10.79.0.60, so that it can be fifty hosts. At port 2222 ways back
# are forbidden. At port 2223 it is a machine of its own: it has none of our files, nor any that others have in /tmp or their homes, and
# no network but that to this machine; Deno is in the home folder. Packages of Debian that are missing are installed. Nothing of /etc/ssh and ~/.ssh is used.
set -eu
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH
BASE=/tmp/parallel-sshd
NET=10.79.0
# The host's own disks: for temporary files, and one that has no room for any.
TEMPORARY=$BASE/tmp
FULL=$BASE/full

PROJECT=$(cd "$(dirname "$0")/../.." && pwd)

. "$(dirname "$0")/machine.sh"

# The first process of the host; the host lives as long as it does.
first() {
    pid=$(cat $BASE/pid 2>/dev/null) || return 1
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q "^sh $BASE/first.sh " || return 1
    echo "$pid"
}
on() { # CMD...: there
    target=$(first) || die "the host is down"
    nsenter -t "$target" -m -u -i -n -p -r -W "$PWD" "$@"
}
network() { # CMD...: with its network, and the processes and files of this machine
    target=$(first) || die "the host is down"
    nsenter -t "$target" -n "$@"
}

make_keys() {
    for key in host user other; do
        [ -s $BASE/${key}_key ] || ssh-keygen -q -t ed25519 -N '' -C throwaway -f $BASE/${key}_key
    done
    echo "* $(cut -d' ' -f1,2 $BASE/host_key.pub)" >$BASE/known_hosts
    echo "* $(cut -d' ' -f1,2 $BASE/other_key.pub)" >$BASE/changed_hosts
    : >$BASE/no_hosts
    cp $BASE/user_key.pub $BASE/authorized_keys
    for port in 22 2222 2223; do
        cat >$BASE/sshd_config.$port <<END
Port $port
HostKey $BASE/host_key
PidFile $BASE/sshd.$port.pid
AuthorizedKeysFile $BASE/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
AcceptEnv TMPDIR
Banner $BASE/banner
MaxStartups 200
END
    done
    echo "AllowTcpForwarding no" >>$BASE/sshd_config.2222
    # The home folder is this machine's: what slaves keep of sent files goes with the host.
    for port in 22 2222; do echo "SetEnv XDG_CACHE_HOME=$BASE/caches" >>$BASE/sshd_config.$port; done
    echo "This is far. Use of it is watched." >$BASE/banner
}
make_host() {
    ! first >/dev/null || return 0
    mkdir -p $TEMPORARY $FULL $BASE/caches
    cat >$BASE/first.sh <<END
mount --make-rprivate / && mount -t proc proc /proc && hostname far && ip link set lo up || exit 1
mount -t tmpfs -o mode=1777 tmpfs $TEMPORARY || exit 1
mount -t tmpfs -o size=64k,mode=1777 tmpfs $FULL || exit 1
touch $BASE/ready
trap '' HUP INT TERM
while :; do sleep 1000 & wait \$!; done # It also takes what daemons leave behind.
END
    rm -f $BASE/ready
    setsid unshare --mount --uts --ipc --net --pid --fork sh $BASE/first.sh </dev/null >$BASE/log 2>&1 9>&- &
    within 10 test -e $BASE/ready || die "cannot make the host: $(cat $BASE/log)"
    # Its only child; not every kernel has /proc/PID/task/PID/children.
    cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) [A-Z] '$!' .*/\1/p' >$BASE/pid
    ip link del sshdfar 2>/dev/null || true
    ip link add sshdfar type veth peer name eth0 netns "$(cat $BASE/pid)"
    ip addr add $NET.1/24 dev sshdfar
    ip link set sshdfar up
    for number in $(seq 11 60); do network ip addr add $NET.$number/24 dev eth0; done
    network ip link set eth0 up
    # Normally made when a machine starts.
    mkdir -p /run/sshd
    cat >$BASE/bare.sh <<END
set -e
mkdir -p $BASE/deno
touch $BASE/deno/deno
mount --bind "$(readlink -f "$(command -v deno)")" $BASE/deno/deno
mount -t tmpfs tmpfs /mnt
mkdir /mnt/base
mount --rbind $BASE /mnt/base
# The project may be below one of the others, and out of sight with it.
for folder in /tmp /home /root "$PROJECT"; do
    [ ! -d "\$folder" ] || mount -t tmpfs -o mode=1777 tmpfs "\$folder"
done
mkdir $BASE
mount --rbind /mnt/base $BASE
chmod 700 /root
mkdir -p /root/.deno/bin
touch /root/.deno/bin/deno
mount --bind $BASE/deno/deno /root/.deno/bin/deno
END
    for port in 22 2222 2223; do
        first_there=
        [ $port != 2223 ] || first_there="unshare --mount sh -c '. $BASE/bare.sh; exec \"\$@\"' bare"
        on env -i PATH=/usr/local/bin:/usr/bin:/bin sh -c \
            "cd / && exec $first_there /usr/sbin/sshd -f $BASE/sshd_config.$port -E $BASE/sshd.log" </dev/null >>$BASE/log 2>&1 9>&- ||
            die "sshd would not start: $(cat $BASE/log $BASE/sshd.log)"
    done
    # shellcheck disable=SC2046
    within 10 $(ssh_words) $NET.11 true || die "no login works: $(tail -5 $BASE/sshd.log)"
}
ssh_words() {
    echo "ssh -F none -l root -i $BASE/user_key -o IdentitiesOnly=yes -o UserKnownHostsFile=$BASE/known_hosts \
-o SetEnv=TMPDIR=$TEMPORARY"
}
end_host() {
    pid=$(first) || return 0
    kill -KILL "$pid"
    within 20 test ! -d /proc/"$pid" || die "the host would not end"
    ip link del sshdfar 2>/dev/null || true
}
drop_all() { # DEVICE
    printf 'table netdev parallel_sshd {\n chain cut { type filter hook ingress device "%s" priority 0; drop; }\n}\n' "$1"
}
cut_host() {
    drop_all sshdfar | nft -f -
    drop_all eth0 | network nft -f -
}
heal() {
    nft delete table netdev parallel_sshd 2>/dev/null || true
    network nft delete table netdev parallel_sshd 2>/dev/null || true
}

up() {
    [ "$(id -u)" = 0 ] || die "only root can make a host"
    mkdir -p $BASE
    exec 9>$BASE/lock
    flock 9
    install_packages openssh-server openssh-client iproute2 nftables
    make_keys
    make_host
}
down() {
    nft delete table netdev parallel_sshd 2>/dev/null || true
    end_host
    rm -rf $BASE
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
    up | down | heal) $command ;;
    ssh) ssh_words ;;
    run) on "$@" ;;
    cut) cut_host ;;
    crash) cut_host; end_host ;;
    boot) nft delete table netdev parallel_sshd 2>/dev/null || true; make_host ;;
    *) sed -n '2,19s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
