#!/bin/sh
# Installs the Debian package under a systemd of its own and tries what units and scripts promise.
#
#   packaging/check-systemd.sh PACKAGE.deb [ROOT]
#
# ROOT (or $VSS_DEB_ROOT) is a folder with a Debian system; it is copied, not changed. Where it has no
# systemd, and where there is no ROOT, apt and debootstrap get what is missing. What cannot run is
# skipped by name.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
package=$1
given=${2:-${VSS_DEB_ROOT:-}}
work=$(mktemp -d)
loop=

cleanup() {
    status=$?
    trap - EXIT
    if [ "$status" -ne 0 ] && [ -n "$lab_first" ]; then
        inside journalctl --no-pager -n 40 >&2 || true
    fi
    lab_stop
    if [ -n "$loop" ]; then losetup --detach "$loop" || true; fi
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "failed: $1" >&2
    exit 1
}
skip() {
    echo "skipped: check-systemd ($1)"
    exit 0
}

# must WHAT COMMAND...: runs it in the lab; its output only when it fails.
must() {
    what=$1
    shift
    inside "$@" >"$work/out" 2>&1 || fail "$what: $(cat "$work/out")"
}
# must_not WHAT TEXT COMMAND...: it fails, and its output has TEXT in it.
must_not() {
    what=$1
    text=$2
    shift 2
    if inside "$@" >"$work/out" 2>&1; then fail "$what: it went well"; fi
    grep -q -- "$text" "$work/out" || fail "$what: not $text: $(cat "$work/out")"
}
# printed WHAT TEXT: the output of the last command has TEXT in it.
printed() {
    grep -q -- "$2" "$work/out" || fail "$1: no $2: $(cat "$work/out")"
}
# field NAME: the value of a field of the JSON that the last command printed.
field() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/out"
}
property() {
    inside systemctl show --value --property "$2" "$1"
}
journal() {
    inside journalctl --sync
    inside journalctl --no-pager -u vssd "$@"
}
state() {
    test "$(inside systemctl is-active "$1")" = "$2"
}
active() {
    state vssd.socket active && state vssd.service active
}
# Whether vssd runs as another process than $1, and is ready.
another() {
    state vssd.service active && test "$(property vssd.service MainPID)" != "$1"
}
recovered() {
    journal -o cat >"$work/recovered"
    grep -q '^recovered:' "$work/recovered"
}
# drop_in NAME LINE...: puts lines into [Service], and starts vssd with them.
drop_in() {
    name=$1
    shift
    inside mkdir -p /run/systemd/system/vssd.service.d
    { echo '[Service]' && printf '%s\n' "$@"; } |
        inside tee "/run/systemd/system/vssd.service.d/$name.conf" >/dev/null
    must "$name" systemctl daemon-reload
    must "$name" systemctl restart vssd.service
}
drop_out() {
    inside rm "/run/systemd/system/vssd.service.d/$1.conf"
    must "without $1" systemctl daemon-reload
    inside systemctl reset-failed vssd.service vssd.socket >/dev/null 2>&1 || true
    must "without $1" systemctl restart vssd.service
}
# sweep WHAT: deletes all sets and LUNs.
sweep() {
    must "$1: list" vss --json list
    for id in $(grep -o '"set_id":"[^"]*"' "$work/out" | cut -d '"' -f 4); do
        must "$1: delete a set" vss delete "$id"
    done
    must "$1: list LUNs" vss --json lun list
    for lun in $(grep -o '"name":"[^"]*"' "$work/out" | cut -d '"' -f 4); do
        must "$1: delete a LUN" vss lun delete "$lun"
    done
}
gone() {
    if inside test -e "$1" || inside test -L "$1"; then fail "$2: $1 is still there"; fi
}

# --- the system -----------------------------------------------------------------------------------

reason=$(lab_reason)
test -z "$reason" || skip "$reason"
for program in sfdisk truncate; do
    command -v "$program" >/dev/null 2>&1 || skip "$program is missing"
done
root=$work/root
if [ -n "$given" ]; then
    cp -a "$given" "$root"
else
    command -v debootstrap >/dev/null 2>&1 ||
        skip "debootstrap is missing, and there is no folder with a Debian system"
    debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,init-system-helpers,passwd stable "$root" >"$work/log" ||
        skip "debootstrap: $(tail -n 1 "$work/log")"
fi
if [ ! -x "$root/lib/systemd/systemd" ] || [ ! -x "$root/usr/bin/dbus-daemon" ]; then
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" env LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus' \
        >"$work/log" 2>&1 || skip "apt: $(tail -n 1 "$work/log")"
fi
cp "$package" "$root/openvss.deb"

rc=0
lab_start "$root" "$work" || rc=$?
case $rc in
0) ;;
2) skip "a systemd of its own is not possible: $(tail -n 1 "$work/console")" ;;
*) fail "systemd does not come up: $(tail -n 5 "$work/console")" ;;
esac
echo "ok: $(inside systemctl --version | head -n 1) is up"

# --- install --------------------------------------------------------------------------------------

must install dpkg -i /openvss.deb
active || fail "install: $(inside systemctl status vssd.socket vssd.service)"
must status vss status
printed status 'daemon at unix:/run/vss/vssd.sock (found there)'
echo "ok: installed, socket and service run, and vss finds the daemon"

process=/proc/$(property vssd.service MainPID)/status
must sandbox cat "$process"
for line in "NoNewPrivs:.1" "Seccomp:.2" "CapEff:.000000001000000a" "CapBnd:.000000001000000a"; do
    printed sandbox "^$line\$"
done
echo "ok: sandbox: $(tr '\t\n' ' ;' <"$work/out" | grep -o 'CapEff: [0-9a-f]*'), seccomp, no new privileges"

# --- work -----------------------------------------------------------------------------------------

must "a user" useradd -m alice
must "a user" useradd -m -G vss bob
must "a user" chmod 700 /home/alice
truncate -s 64M "$root/home/alice/disk.img"
printf 'label: gpt\n,32M\n' | sfdisk -q "$root/home/alice/disk.img" ||
    fail "could not make a partition table"
must "a user's image" chown alice:alice /home/alice/disk.img
must "a user's image" chmod 600 /home/alice/disk.img

# All kinds of operations once; round NAME leaves nothing but records behind.
round() {
    must "$1: create a LUN" vss lun create work --size 64M
    must "$1: adopt" vss lun adopt alice /home/alice/disk.img
    must "$1: create" vss --json create work alice
    set_id=$(field set_id)
    operation=$(field operation)
    must "$1: plan" vss break --dry-run "$set_id"
    must "$1: break" vss --json break --read-write --revert-identity none "$set_id"
    broken=$(field operation)
    must "$1: undo" vss undo "$broken"
    must "$1: show" vss lun show "alice@$(echo "$set_id" | cut -c 1-8)"
    must "$1: create again" vss --json create work alice
    second=$(field set_id)
    # Read-only, of an image that has got another owner meanwhile.
    must "$1: owner" chown alice \
        "/var/lib/vss/array/alice@$(echo "$second" | cut -c 1-8).img"
    must "$1: break read-only" vss --json break "$second"
    must "$1: create to delete" vss --json create alice
    must "$1: delete" vss delete "$(field set_id)"
    must "$1: mask" vss lun mask work
    must "$1: unmask" vss lun unmask work
    sweep "$1"
    must "$1: history" vss history
}
round work
test "$(inside stat -c '%U %a' /home/alice/disk.img)" = "alice 600" ||
    fail "work: the adopted image has got another owner or mode"
echo "ok: LUNs, a set, breaks, an undo and a deletion, with an image in a user's home"

journal -o json "VSS_OPERATION=$broken" >"$work/out"
printed journal '"VSS_KIND":"break"'
printed journal '"VSS_CODE":"VSS_S_ASYNC_FINISHED (0x0004230A)"'
printed journal '"SYSLOG_IDENTIFIER":"vssd"'
echo "ok: the journal has fields: $(tail -n 1 "$work/out" | grep -o '"VSS_[A-Z]*":"[^"]*"' | tr '\n' ' ')"

# --- access ---------------------------------------------------------------------------------------

must_not "a stranger" 'E_ACCESSDENIED' runuser -u alice -- vss list
must "refusals" vss history --refused
printed refusals 'uid 1000 (alice)'
journal -o cat >"$work/out"
printed "the journal of refusals" 'call refused: no backup privilege'
must "a member of vss" runuser -u bob -- vss --json lun create bobs --size 8M
must "a member of vss" runuser -u bob -- vss lun delete bobs
echo "ok: a stranger gets E_ACCESSDENIED, on record; a member of vss is served"

# --- crash, stop, activation ----------------------------------------------------------------------

# The middle of a creation must be hit, so there is much to copy, and more than one try.
head -c 256M /dev/zero | tr '\0' x >"$root/home/alice/big.img"
must crash vss lun adopt big /home/alice/big.img
tries=0
until recovered; do
    tries=$((tries + 1))
    test "$tries" -le 20 || fail "crash: no operation was cut off in 20 tries"
    before=$(property vssd.service MainPID)
    mark=$(journal -o cat | grep -c ' began$') || true
    inside vss create big >"$work/client" 2>&1 &
    client=$!
    begun() { test "$(journal -o cat | grep -c ' began$')" -gt "$mark"; }
    until_ok 20 begun || fail "crash: the creation does not begin: $(cat "$work/client")"
    must crash systemctl kill -s KILL vssd.service
    wait "$client" || true
    until_ok 30 another "$before" || fail "crash: vssd does not come back"
done
test "$(property vssd.service NRestarts)" -ge 1 || fail "crash: systemd has not started it again"
must "after the crash" vss --json status
printed "after the crash" '"operations":\[\]'
echo "ok: SIGKILL: it comes back ($(property vssd.service NRestarts) time(s)): $(grep -m 1 '^recovered:' "$work/recovered")"
sweep "after the crash"
inside rm /home/alice/big.img

must stop systemctl stop vssd.service
state vssd.service inactive || fail "stop: $(inside systemctl status vssd.service)"
test "$(property vssd.service Result) $(property vssd.service ExecMainStatus)" = "success 0" ||
    fail "stop: $(inside systemctl status vssd.service)"
state vssd.socket active || fail "stop: the socket is closed"
journal -o cat -n 4 >"$work/out"
printed stop '^stopped$'
must activation vss status
state vssd.service active || fail "activation: the service does not run"
must "restart of the socket" systemctl restart vssd.socket
until_ok 30 active || fail "restart of the socket: $(inside systemctl status vssd.socket vssd.service)"
must "restart of the socket" vss --json status
printed "restart of the socket" '"place":"daemon"'
must "stop of the socket" systemctl stop vssd.socket
state vssd.service inactive || fail "stop of the socket: the service runs, and nobody can reach it"
must "start of the service" systemctl start vssd.service
active || fail "start of the service: $(inside systemctl status vssd.socket vssd.service)"
echo "ok: an orderly stop, and a connection starts it again; socket and service go together"

# --- the sandbox ----------------------------------------------------------------------------------

journal -o cat >"$work/log"
if grep -iE 'not permitted|read-only file system|permission denied|SIGSYS|bad system call' "$work/log"
then fail "sandbox: the journal tells of denials"; fi

# Calls outside the filter fail with EPERM, and nobody may notice. Here they kill.
drop_in deadly SystemCallErrorNumber=kill
before=$(property vssd.service MainPID)
round "no call is outside the filter"
must_not "no call is outside the filter" 'E_ACCESSDENIED' runuser -u alice -- vss list
test "$(property vssd.service MainPID)" = "$before" || fail "sandbox: killed for a call"
must deadly systemctl stop vssd.service
test "$(property vssd.service Result)" = success || fail "sandbox: killed for a call at the stop"
drop_out deadly
# The control: a filter that is too narrow is noticed.
inside sh -c 'mkdir -p /run/systemd/system/vssd.service.d
    printf "[Service]\nSystemCallErrorNumber=kill\nSystemCallFilter=~sched_getaffinity\nRestart=no\n" \
        >/run/systemd/system/vssd.service.d/narrow.conf; systemctl daemon-reload'
if inside systemctl restart vssd.service >/dev/null 2>&1; then fail "control: the filter does not kill"; fi
test "$(property vssd.service ExecMainStatus)" = 31 || fail "control: it did not die of SIGSYS"
drop_out narrow
echo "ok: no denial in the journal, and no call outside the filter (a filter without sched_getaffinity kills)"

# Every capability that is left is needed. The image is alice's, and so is its copy before the break.
borrowed() {
    inside vss lun adopt alice /home/alice/disk.img &&
        inside vss --json create alice &&
        inside chown alice "/var/lib/vss/array/alice@$(field set_id | cut -c 1-8).img" &&
        inside vss break --read-write "$(field set_id)"
} >"$work/out" 2>&1
needs() {
    drop_in without "CapabilityBoundingSet=~$1"
    if borrowed; then fail "$1 is not needed"; fi
    printed "without $1" "$2"
    echo "ok: $1 is needed: $(grep -m 1 "$2" "$work/out")"
    drop_out without
    sweep "without $1"
}
borrowed || fail "with all capabilities: $(cat "$work/out")"
sweep "with all capabilities"
needs CAP_DAC_OVERRIDE 'Permission denied'
needs CAP_FOWNER 'Operation not permitted'
needs CAP_LEASE 'cannot be held'

truncate -s 8M "$root/etc/disk.img"
must "adopt in /etc" vss lun adopt etc /etc/disk.img
must "create in /etc" vss --json create etc
must "break in /etc" vss break --read-write "$(field set_id)"
echo "ok: images in /etc can be read"

if [ -e /dev/loop-control ] && cp "$root/home/alice/disk.img" "$root/home/seen.img" &&
    loop=$(losetup --find --show "$root/home/seen.img" 2>/dev/null); then
    node=/dev/$(basename "$loop")
    inside mknod "$node" b "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")"
    must_not "a disk with the identity is visible" "bears the identity of $node" \
        vss lun adopt alice /home/alice/disk.img
    # As a process of the service, with rights that the service has not: the device policy says no.
    member='echo $$ >/sys/fs/cgroup/system.slice/vssd.service/cgroup.procs && exec "$@"'
    must "read a disk" sh -c "$member" sh dd if="$node" of=/dev/null bs=4096 count=1
    must_not "write to a disk" "Operation not permitted" \
        sh -c "$member" sh dd if=/dev/zero of="$node" bs=4096 count=1
    must "control: others may write to it" dd if=/dev/zero of="$node" bs=4096 seek=4096 count=1
    losetup --detach "$loop"
    loop=
    inside rm "$node"
    must "control: that disk is gone" vss lun adopt alice /home/alice/disk.img
    sweep "control: that disk is gone"
    echo "ok: other disks of the machine are read, and cannot be written"
else
    loop=
    echo "skipped: other disks of the machine (no loop device)"
fi

# --- upgrade, removal -----------------------------------------------------------------------------

before=$(property vssd.service MainPID)
opened=$(property vssd.socket ActiveEnterTimestampMonotonic)
must upgrade dpkg -i /openvss.deb
another "$before" || fail "upgrade: the old program runs"
test "$(property vssd.socket ActiveEnterTimestampMonotonic)" = "$opened" ||
    fail "upgrade: the socket was closed"
must upgrade systemctl disable --now vssd.socket vssd.service
must upgrade dpkg -i /openvss.deb
state vssd.service inactive || fail "upgrade: what was disabled runs"
must upgrade systemctl enable --now vssd.socket vssd.service
echo "ok: an upgrade restarts the service, keeps the socket open and disabled units disabled"

process=$(property vssd.service MainPID)
must remove dpkg -r openvss
if inside test -e "/proc/$process"; then fail "remove: vssd still runs"; fi
gone /run/vss remove
gone /usr/sbin/vssd remove
must remove test -s /var/lib/vss/catalogue.db
must remove test -f /etc/vss/vssd.toml
echo "ok: remove stops it; /run/vss is gone, data and settings are kept"

must "install again" dpkg -i /openvss.deb
active || fail "install again: $(inside systemctl status vssd.socket vssd.service)"
must "install again" vss --json history --limit 1000
printed "install again" "$broken"
echo "ok: installed again, with all records"

must purge dpkg -P openvss
gone /run/vss purge
gone /etc/vss purge
must purge test -s /var/lib/vss/catalogue.db
# With nothing to list, some versions end with 1.
must purge sh -c 'systemctl list-unit-files --no-legend "vssd.*" || true'
test ! -s "$work/out" || fail "purge: units are left: $(cat "$work/out")"
must purge systemctl list-units --all --failed --no-legend 'vssd.*'
test ! -s "$work/out" || fail "purge: $(cat "$work/out")"
must purge sh -c 'find /etc/systemd /run/systemd/system /run/systemd/transient -name "vssd*" 2>/dev/null || true'
grep -v '/vssd.service.d$' "$work/out" >"$work/left" || true
test ! -s "$work/left" || fail "purge: $(cat "$work/left")"
echo "ok: purge keeps data and leaves no unit behind"
