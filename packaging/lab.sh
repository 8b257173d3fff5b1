#!/bin/sh
# A systemd of its own to try things under: the first process of its own namespaces, in its own copy
# of a Debian system, without network. Nothing of the machine's own systemd is touched.
#
# Read in by check-systemd.sh, which calls lab_start, inside and lab_stop. Runs itself, as
# `lab.sh --first ROOT MARK`, as the first process.

if [ "${1:-}" = --first ]; then
    set -eu
    cd "$2"
    mount --bind . .
    cd "$2"
    mount -t proc -o nosuid,nodev,noexec proc proc
    # What counts for the whole machine can be read only.
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
    # In a namespace of its own this shows the lab's own group as the root.
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755,nosuid tmpfs dev
    for node in null zero full random urandom tty; do
        : >"dev/$node"
        mount --bind "/dev/$node" "dev/$node"
    done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
    exec 3>"$3"
    pivot_root . .
    umount -l .
    cd /
    echo reached >&3
    exec 3>&-
    # The machine's clock, modules and ports are not the lab's. `container` tells systemd where it is.
    exec env -i container=openvss-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-sys_boot \
        /lib/systemd/systemd
fi

lab_pid=
lab_first=
lab_group=

# until_ok SECONDS COMMAND...: waits until the command succeeds; 1 when it never does.
until_ok() {
    until_end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        test "$(date +%s)" -lt "$until_end" || return 1
        sleep 0.05
    done
}

# Prints why there can be no lab on this machine; nothing where there can be one.
lab_reason() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "needs root"
        return
    fi
    for program in unshare nsenter pivot_root setpriv mount; do
        if ! command -v "$program" >/dev/null 2>&1; then
            echo "$program is missing"
            return
        fi
    done
    if ! awk '$3 == "cgroup2" { found = 1 } END { exit !found }' /proc/mounts; then
        echo "no cgroup2 is mounted"
        return
    fi
    if ! unshare --mount --uts --ipc --net --pid --cgroup --fork true 2>/dev/null; then
        echo "no namespaces may be made here"
    fi
}

# lab_start ROOT WORK: starts systemd in the folder ROOT, with notes in the folder WORK.
# 0: it runs; 1: it failed; 2: this machine does not let it, and $WORK/console says why.
lab_start() {
    groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    lab_group=${groups}${own%/}/openvss-lab.$$
    if ! mkdir "$lab_group" 2>"$2/console"; then
        lab_group=
        return 2
    fi
    : >"$2/mark"
    # The parent's death is the lab's end: no process is left when this script is killed.
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec setpriv --pdeathsig KILL \
        unshare --mount --propagation private --uts --ipc --net --pid --cgroup --fork --kill-child \
        "$@"' sh "$lab_group" sh "$here/lab.sh" --first "$1" "$2/mark" \
        >"$2/console" 2>&1 </dev/null &
    lab_pid=$!
    until_ok 30 lab_decided "$2" || return 1
    test -s "$2/mark" || return 2
    lab_first=$(tr -d ' ' <"/proc/$lab_pid/task/$lab_pid/children")
    test -n "$lab_first" || return 1
    until_ok 120 lab_is_up
}

lab_decided() {
    test -s "$1/mark" || ! kill -0 "$lab_pid"
}

lab_is_up() {
    # "degraded" is up, too: what a small system misses is not our business.
    case "$(inside systemctl is-system-running)" in
    running | degraded) ;;
    *) false ;;
    esac
}

# inside COMMAND...: runs it in the lab, as root.
inside() {
    nsenter --target "$lab_first" --mount --uts --ipc --net --pid --cgroup --root --wd -- \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends the lab and all that runs in it; mounts go with its namespace.
lab_stop() {
    if [ -n "$lab_pid" ]; then
        kill -KILL "$lab_pid" 2>/dev/null || true
        wait "$lab_pid" 2>/dev/null || true
        lab_pid=
    fi
    if [ -n "$lab_group" ]; then
        until_ok 20 grep -q '^populated 0$' "$lab_group/cgroup.events" ||
            echo "left: processes in $lab_group" >&2
        find "$lab_group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        lab_group=
    fi
}
