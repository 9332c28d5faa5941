#!/bin/sh
# A Slurm of three "nodes" on one Debian 12 machine, for the tests. Needs root, and neither an init system nor cgroups.
#
#   slurm.sh up           make it (3 s, with its packages 20 s); what is right already is left alone
#   slurm.sh down         end it with its jobs, and remove what it left
#   slurm.sh run CMD...   run CMD where jobs can be submitted, in the present folder
#
# Its nodes n1 to n3 have 4 processors each, by name: all are daemons of this machine, and share its host name and network. Nothing
# of /etc/slurm, /etc/munge or /run is used. Packages of Debian that are missing are installed.
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
BASE=/tmp/parallel-slurm
NODES="n1 n2 n3"
PROCESSORS=4
PORT=16917
SLURM_CONF=$BASE/slurm.conf
export PATH SLURM_CONF

. "$(dirname "$0")/machine.sh"

gone() { [ ! -d "/proc/$1" ]; }

configure() {
    host=$(hostname -s 2>/dev/null || hostname)
    mkdir -p $BASE/state $BASE/log $BASE/run
    # munged refuses a key that others can read.
    mkdir -p -m 700 $BASE/munge
    [ -s $BASE/munge/key ] || { head -c 1024 /dev/urandom >$BASE/munge/key; chmod 600 $BASE/munge/key; }
    {
        cat <<END
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$BASE/run/munge.sock
SlurmctldPort=$PORT
StateSaveLocation=$BASE/state
SlurmdSpoolDir=$BASE/spool.%n
SlurmctldPidFile=$BASE/run/slurmctld.pid
SlurmdPidFile=$BASE/run/slurmd.%n.pid
SlurmctldLogFile=$BASE/log/slurmctld
SlurmdLogFile=$BASE/log/slurmd.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MinJobAge=300
KillWait=3
InactiveLimit=0
MaxArraySize=101
Epilog=$BASE/epilog
END
        port=$PORT
        for node in $NODES; do
            port=$((port + 1))
            echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=$PROCESSORS State=UNKNOWN"
        done
        echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
        # A job that asks for more time waits for ever.
        echo "PartitionName=short Nodes=ALL MaxTime=1 State=UP"
    } >$SLURM_CONF
    # What a node does after each job takes as many seconds as this file says, if there is one.
    echo '#!/bin/sh' >$BASE/epilog
    echo "[ ! -e $BASE/epilog-seconds ] || sleep \"\$(cat $BASE/epilog-seconds)\"" >>$BASE/epilog
    chmod 755 $BASE/epilog
    # slurmd prepares for cgroups whatever else is said. The first version touches nothing before it is used.
    echo "CgroupPlugin=cgroup/v1" >$BASE/cgroup.conf
}

runs() { # PIDFILE PROGRAM: whether it is really that program
    program=$(readlink "/proc/$(cat "$1" 2>/dev/null)/exe") || return 1
    program=${program% (deleted)}
    case ${program##*/} in "$2" | "$2-wlm") ;; *) return 1 ;; esac
}
# Jobs inherit the environment of the daemon that starts them.
daemon() { # NAME CMD...
    name=$1; shift
    (cd $BASE/state && env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SLURM_CONF=$SLURM_CONF "$@") \
        </dev/null >"$BASE/log/$name.out" 2>&1 9>&- || die "$name: $(cat "$BASE/log/$name.out")"
}
end_daemon() { # PIDFILE PROGRAM
    runs "$1" "$2" || return 0
    pid=$(cat "$1")
    kill -TERM "$pid" 2>/dev/null || return 0
    within 15 gone "$pid" || kill -KILL "$pid"
    within 5 gone "$pid" || die "$2 would not end"
}
is_ready() { # NODE: one that has crashed stays down until told otherwise
    case $(sinfo -h -N -n "$1" -o %T | head -1) in
    idle | mixed | allocated) ;;
    down* | drain*) scontrol update nodename="$1" state=resume; return 1 ;;
    *) return 1 ;;
    esac
}

up() {
    [ "$(id -u)" = 0 ] || die "only root can make a cluster"
    mkdir -p $BASE
    mkdir -p -m 1777 $BASE/tmp
    exec 9>$BASE/lock
    flock 9
    install_packages slurm-wlm munge
    [ -e $SLURM_CONF ] || configure
    runs $BASE/run/munged.pid munged ||
        daemon munged munged --force --key-file=$BASE/munge/key --socket=$BASE/run/munge.sock \
            --pid-file=$BASE/run/munged.pid --log-file=$BASE/munge/log --seed-file=$BASE/munge/seed
    within 10 sh -c "munge -n -S $BASE/run/munge.sock | unmunge -S $BASE/run/munge.sock" || die "munged does not answer"
    runs $BASE/run/slurmctld.pid slurmctld || daemon slurmctld slurmctld -f $SLURM_CONF
    # It finds no address of its own on a machine that has no network but lo.
    within 20 scontrol ping || die "slurmctld does not answer: $(tail -5 $BASE/log/slurmctld)"
    for node in $NODES; do
        mkdir -p "$BASE/spool.$node"
        runs "$BASE/run/slurmd.$node.pid" slurmd || daemon "slurmd.$node" slurmd -f $SLURM_CONF -N "$node"
    done
    for node in $NODES; do
        within 60 is_ready "$node" || die "$node is not ready: $(tail -5 "$BASE/log/slurmd.$node")"
        [ "$(timeout 60 srun -n1 -w "$node" printenv SLURMD_NODENAME 9>&-)" = "$node" ] || die "no job runs on $node"
    done
}
down() {
    if runs $BASE/run/slurmctld.pid slurmctld; then
        # A daemon that ends leaves its jobs alone.
        timeout 10 scancel --user=root || true
        within 10 sh -c 'test -z "$(squeue -h)"' || true
    fi
    for node in $NODES; do end_daemon "$BASE/run/slurmd.$node.pid" slurmd; done
    end_daemon $BASE/run/slurmctld.pid slurmctld
    end_daemon $BASE/run/munged.pid munged
    rm -rf $BASE
}

command=${1:-}
[ $# = 0 ] || shift
case $command in
up | down) "$command" ;;
# A job that is killed leaves its temporary files to its node.
run) TMPDIR=$BASE/tmp; export TMPDIR; exec "$@" ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
