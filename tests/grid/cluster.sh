#!/bin/sh
# A Grid Engine cluster of four "hosts" on one Debian 12 machine, for the tests. Needs root.
#
#   cluster.sh up               make it (about 10 s); what is right already is left alone
#   cluster.sh down             end it and remove what it left
#   cluster.sh run HOST CMD...  run CMD on HOST (master, nodeA, nodeB, nodeC) in the present folder
#   cluster.sh cut HOST         lose all packets of HOST, silently
#   cluster.sh heal HOST        undo that
#   cluster.sh crash HOST       cut HOST off, and end all its processes at once
#   cluster.sh boot HOST        start HOST again, after a crash or the end of its execd
#   cluster.sh qmaster          kill Grid Engine's qmaster and start it again
#
# Each host has network, host name, processes, mounts and a daemon of its own; the files are this machine's, as with
# NFS. Nothing of it reaches the machine's own network. Packages of Debian that are missing are installed.
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
BASE=/tmp/parallel-cluster
NET=10.78.0
NODES="nodeA nodeB nodeC"
SLOTS=4
SGE_ROOT=$BASE/root SGE_CELL=default SGE_QMASTER_PORT=6444 SGE_EXECD_PORT=6445
export PATH SGE_ROOT SGE_CELL SGE_QMASTER_PORT SGE_EXECD_PORT
COMMON=$SGE_ROOT/$SGE_CELL/common
SPOOL=$BASE/spool

. "$(dirname "$0")/machine.sh"

number() {
    case $1 in master) echo 1 ;; nodeA) echo 11 ;; nodeB) echo 12 ;; nodeC) echo 13 ;; *) die "no host $1" ;; esac
}

# --- Hosts: namespaces that live as long as their first process ---

first() { # HOST: the id of its first process
    pid=$(cat $BASE/"$1"/pid 2>/dev/null) || return 1
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q "^sh $BASE/first.sh $1 " || return 1
    echo "$pid"
}
on() { # HOST CMD...
    target=$(first "$1") || die "$1 is down"
    shift
    nsenter -t "$target" -m -u -i -n -p -r -W "$PWD" "$@"
}
network_of() { # HOST CMD...: with the processes and files of this machine
    target=$(first "$1") || die "$1 is down"
    shift
    nsenter -t "$target" -n "$@"
}
make_host() { # HOST
    ! first "$1" >/dev/null || return 0
    mkdir -p $BASE/"$1" $BASE/local
    rm -f $BASE/"$1"/ready
    setsid unshare --mount --uts --ipc --net --pid --fork sh $BASE/first.sh "$1" $BASE \
        </dev/null >$BASE/"$1"/log 2>&1 9>&- &
    within 10 test -e $BASE/"$1"/ready || die "cannot make $1: $(cat $BASE/"$1"/log)"
    # Its only child; not every kernel has /proc/PID/task/PID/children.
    pid=$(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) [A-Z] '$!' .*/\1/p')
    echo "$pid" >$BASE/"$1"/pid
    if [ "$1" = master ]; then
        network_of master ip link add br0 type bridge forward_delay 0
        network_of master ip addr add $NET.1/24 dev br0
        network_of master ip link set br0 up
    else
        network_of master ip link del "v$1" 2>/dev/null || true
        network_of master ip link add "v$1" type veth peer name eth0 netns "$pid"
        network_of master ip link set "v$1" master br0 up
        network_of "$1" ip addr add $NET."$(number "$1")"/24 dev eth0
        network_of "$1" ip link set eth0 up
        heal "$1"
    fi
}
end_host() { # HOST
    pid=$(first "$1") || return 0
    kill -KILL "$pid"
    within 20 test ! -d /proc/"$pid" || die "$1 would not end"
}
cut_host() { # HOST
    network_of master nft -f - <<END
table bridge cut_$1 {
  chain f { type filter hook forward priority 0; iifname "v$1" drop; oifname "v$1" drop; }
  chain i { type filter hook input priority 0; iifname "v$1" drop; }
  chain o { type filter hook output priority 0; oifname "v$1" drop; }
}
END
}
heal() { network_of master nft delete table bridge "cut_$1" 2>/dev/null || true; }

make_hosts() {
    # Every address has one name and every name one address: Grid Engine looks both up.
    echo "127.0.0.1 localhost" >$BASE/hosts
    for host in master $NODES; do echo "$NET.$(number $host) $host" >>$BASE/hosts; done
    cat >$BASE/first.sh <<'END'
mount --make-rprivate / && mount -t proc proc /proc && hostname "$1" && ip link set lo up || exit 1
mount --bind "$2/hosts" /etc/hosts
mount -t tmpfs -o mode=1777 tmpfs "$2/local" || exit 1
touch "$2/$1/ready"
trap '' HUP INT TERM
while :; do sleep 1000 & wait $!; done # It also takes what daemons leave behind.
END
    for host in master $NODES; do make_host $host; done
}

# --- Grid Engine ---

# Jobs inherit the environment of the daemon that starts them.
daemon() { # HOST PROGRAM
    on "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SGE_ROOT=$SGE_ROOT SGE_CELL=$SGE_CELL \
        SGE_QMASTER_PORT=$SGE_QMASTER_PORT SGE_EXECD_PORT=$SGE_EXECD_PORT \
        sh -c "cd / && exec /usr/sbin/$2 </dev/null >$BASE/$1/$2.log 2>&1" 9>&- || die "$2: $(cat $BASE/"$1"/"$2".log)"
}
runs() { # HOST PIDFILE PROGRAM
    on "$1" sh -c "test \"\$(basename \$(readlink /proc/\$(cat $2)/exe))\" = $3" 2>/dev/null
}
qmaster_runs() { runs master $SPOOL/qmaster/qmaster.pid sge_qmaster; }
execd_runs() { runs "$1" $SPOOL/execd/"$1"/execd.pid sge_execd; }
qconf() { # ARGUMENTS: those that read a file read standard input
    on master qconf "$@" >$BASE/qconf.log 2>&1 || die "qconf $*: $(cat $BASE/qconf.log)"
}
# The queue on HOST has reported its load, and takes jobs.
is_heard() {
    on master qstat -f | awk -v queue="all.q@$1" '$1 == queue && $4 != "-NA-" && $6 !~ /[uE]/ { ok = 1 } END { exit !ok }'
}

make_cell() {
    mkdir -p $SGE_ROOT/$SGE_CELL/common $SPOOL/qmaster/job_scripts $SPOOL/spooldb $SPOOL/execd
    for folder in bin lib utilbin; do
        mkdir -p $SGE_ROOT/$folder
        ln -sfn /usr/lib/gridengine $SGE_ROOT/$folder/lx-amd64
    done
    ln -sfn /usr/share/gridengine/util $SGE_ROOT/util
    sed "s@/var/spool/gridengine@$SPOOL@g" /usr/share/gridengine/default-bootstrap >$COMMON/bootstrap
    echo master >$COMMON/act_qmaster
    chown -R sgeadmin:sgeadmin $SGE_ROOT $SPOOL
    [ -s $SPOOL/spooldb/sge ] || su -s /bin/sh sgeadmin -c \
        "/usr/share/gridengine/scripts/init_cluster $SGE_ROOT $SGE_CELL $SPOOL/spooldb sgeadmin" >$BASE/init.log 2>&1 ||
        die "$(cat $BASE/init.log)"
}
start_qmaster() {
    qmaster_runs || daemon master sge_qmaster
    within 30 on master qconf -sh || die "the qmaster does not answer: $(tail -5 $SPOOL/qmaster/messages)"
}
replace() { # KEY VALUE...: in the configuration on standard input
    awk -v changes="$*" 'BEGIN { n = split(changes, c, " "); for (i = 1; i < n; i += 2) v[c[i]] = c[i + 1] }
        $1 in v { print $1, v[$1]; delete v[$1]; next } { print } END { for (k in v) print k, v[k] }'
}
configure() { # before the first execd, which reads it only when it starts
    mkdir -p $BASE/conf
    # Root's jobs run; a host that says nothing is known to be gone after 10 s, not 5 minutes.
    on master qconf -sconf global | replace min_uid 0 min_gid 0 execd_spool_dir $SPOOL/execd \
        load_report_time 00:00:02 max_unheard 00:00:10 >$BASE/conf/global
    qconf -Mconf $BASE/conf/global
    on master qconf -ssconf | replace schedule_interval 0:0:1 flush_submit_sec 1 flush_finish_sec 1 >$BASE/conf/scheduler
    qconf -Msconf $BASE/conf/scheduler
    for host in master $NODES; do qconf -as $host; qconf -ah $host; done
    for host in $NODES; do
        printf '%s NONE\n' load_scaling complex_values user_lists xuser_lists projects xprojects usage_scaling \
            report_variables | sed "1i hostname $host" >$BASE/conf/host
        qconf -Ae $BASE/conf/host
    done
    cat >$BASE/conf/pe <<'END'
pe_name rr
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $round_robin
control_slaves TRUE
job_is_first_task FALSE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
END
    qconf -Ap $BASE/conf/pe
    {
        printf '%s NONE\n' load_thresholds suspend_thresholds ckpt_list prolog epilog starter_method suspend_method \
            resume_method terminate_method owner_list user_lists xuser_lists subordinate_list complex_values projects \
            xprojects calendar
        for limit in rt cpu fsize data stack core rss vmem; do printf "%s_$limit INFINITY\n" s h; done
        cat <<END
qname all.q
hostlist $NODES
seq_no 0
nsuspend 1
suspend_interval 00:05:00
priority 0
min_cpu_interval 00:05:00
processors UNDEFINED
qtype BATCH INTERACTIVE
pe_list rr
rerun FALSE
slots $SLOTS
tmpdir $BASE/local
shell /bin/sh
shell_start_mode posix_compliant
notify 00:00:05
initial_state default
END
    } >$BASE/conf/queue
    qconf -Aq $BASE/conf/queue
    touch $BASE/configured
}
start_execds() { # HOST...
    for host; do execd_runs "$host" || daemon "$host" sge_execd; done
    for host; do within 60 is_heard "$host" || die "the qmaster does not hear $host"; done
}

up() {
    [ "$(id -u)" = 0 ] || die "only root can make a cluster"
    mkdir -p $BASE
    exec 9>$BASE/lock
    flock 9
    install_packages gridengine-master gridengine-exec gridengine-client iproute2 nftables
    make_hosts
    make_cell
    start_qmaster
    [ -e $BASE/configured ] || configure
    start_execds $NODES
}
down() {
    for host in $NODES master; do end_host $host; done
    rm -rf $BASE
}
restart_qmaster() {
    on master sh -c "kill -KILL \$(cat $SPOOL/qmaster/qmaster.pid)"
    within 10 not qmaster_runs || die "the qmaster would not end"
    start_qmaster
}
not() { ! "$@"; }

command=${1:-}
[ $# = 0 ] || shift
case $command in
    up | down) $command ;;
    run) on "$@" ;;
    cut) cut_host "$1" ;;
    heal) heal "$1"; within 60 is_heard "$1" || die "the qmaster does not hear $1" ;;
    crash) cut_host "$1"; end_host "$1" ;;
    boot) make_host "$1"; start_execds "$1" ;;
    qmaster) restart_qmaster ;;
    *) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
