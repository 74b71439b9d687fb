#!/bin/sh
# boot.sh FOLDER NODES CPUS HIDDEN - starts a Slurm cluster on this machine, for conftest.py.
#
# It has to be PID 1 of new pid, net, uts, ipc and mount namespaces: when it ends, the kernel ends every process, mount
# and network in them. It ends when its standard input does. slurmctld runs on a machine called head; the nodes are n1,
# n2 and so on. Each has its own network, name and shared memory, and all share the disk. Only head and n1 can see the
# contents of the folder HIDDEN.
set -eu
folder=$1 nodes=$2 cpus=$3 hidden=$4
network=10.99.77
export SLURM_CONF="$folder/slurm.conf"

be_node() { # NUMBER: runs in the node's namespaces and never returns
    name=n$1
    hostname "$name"
    mount -t tmpfs tmpfs /dev/shm
    [ "$name" = n1 ] || mount -t tmpfs tmpfs "$hidden"
    ip link set lo up
    until ip link set eth0 up 2>/dev/null; do sleep 0.02; done # the head makes it
    ip address add "$network.$(($1 + 10))/24" dev eth0
    mkdir "$folder/spool-$name"
    exec slurmd -D >"$folder/slurmd-$name.log" 2>&1
}

start_node() { # NUMBER
    unshare --net --uts --ipc --mount "$0" "$folder" "$nodes" "$cpus" "$hidden" "$1" &
    until [ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
    ip link add "port$1" type veth peer name eth0 netns $!
    ip link set "port$1" master lan up
}

write_configuration() {
    cat >"$SLURM_CONF" <<END
ClusterName=filterfleet
SlurmctldHost=head
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
MpiDefault=none
MailProg=/bin/true
NodeName=n[1-$nodes] CPUs=$cpus RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES DefaultTime=10:00 MaxTime=1-0 State=UP
END
    version=1
    [ ! -f /sys/fs/cgroup/cgroup.controllers ] || version=2
    printf 'CgroupPlugin=cgroup/v%d\nCgroupAutomount=no\n' "$version" >"$folder/cgroup.conf"
}

[ -z "${5-}" ] || be_node "$5"

mkdir "$folder/state"
hostname head
{
    printf '127.0.0.1 localhost\n%s.1 head\n' "$network"
    for n in $(seq "$nodes"); do echo "$network.$((n + 10)) n$n"; done
} >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
ip link set lo up
ip link add name lan type bridge
ip address add "$network.1/24" dev lan
ip link set lan up

head -c 128 /dev/urandom >"$folder/munge.key"
chmod 600 "$folder/munge.key"
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
    --log-file="$folder/munge.log" --seed-file="$folder/munge.seed"
write_configuration
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
for n in $(seq "$nodes"); do start_node "$n"; done
cat >/dev/null # not exec: PID 1 has to stay and collect dead processes
