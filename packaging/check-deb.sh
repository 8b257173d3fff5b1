#!/bin/sh
# Builds the Debian package and checks it: contents; in a system of its own, install, upgrade, remove
# and purge; and, with check-systemd.sh, all that needs a systemd that runs. Needs cargo-deb, and for
# the second and third part root and debootstrap (or a folder with a Debian system in $VSS_DEB_ROOT,
# which the second part changes). What cannot run is skipped by name.
#
#   packaging/check-deb.sh [cargo deb arguments]
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
made=
trap 'rm -rf "$work"; if [ -n "$made" ]; then rm -rf "$made"; fi' EXIT

fail() {
    echo "failed: $1" >&2
    exit 1
}

if ! cargo deb --version >/dev/null 2>&1; then
    echo "skipped: check-deb (cargo-deb is missing: cargo install --locked cargo-deb)"
    exit 0
fi
if [ "$#" -eq 0 ]; then
    cargo build --release --manifest-path "$top/Cargo.toml" --package vssd --package vss --package vss-keeper
    set -- --no-build
fi
cargo deb --manifest-path "$top/crates/vssd/Cargo.toml" --output "$work/openvss.deb" "$@"

dpkg-deb --info "$work/openvss.deb"
dpkg-deb --contents "$work/openvss.deb" >"$work/contents"
for file in usr/sbin/vssd usr/bin/vss etc/vss/vssd.toml \
    usr/lib/systemd/system/vssd.service usr/lib/systemd/system/vssd.socket \
    usr/lib/sysusers.d/openvss.conf usr/share/man/man8/vssd.8.gz usr/share/man/man1/vss.1.gz \
    usr/share/bash-completion/completions/vss; do
    grep -q " \./$file\$" "$work/contents" || fail "$file is not in the package"
done
test "$(dpkg-deb --ctrl-tarfile "$work/openvss.deb" | tar -xO ./conffiles)" = /etc/vss/vssd.toml ||
    fail "the settings are not a conffile"
echo "ok: contents"

if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: install and remove (needs root)"
    exit 0
fi
root=${VSS_DEB_ROOT:-}
if [ -z "$root" ]; then
    if ! command -v debootstrap >/dev/null 2>&1; then
        echo "skipped: install and remove (debootstrap is missing, and VSS_DEB_ROOT is not set)"
        exit 0
    fi
    root=$(mktemp -d)
    made=$root
    debootstrap --variant=minbase --include=init-system-helpers,passwd stable "$root" >"$work/log" ||
        fail "debootstrap: $(tail -n 3 "$work/log")"
fi

inside() {
    chroot "$root" /usr/bin/env LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}
there() {
    test -e "$root/$1" || test -L "$root/$1" || fail "$2: /$1 is missing"
}
gone() {
    { test ! -e "$root/$1" && test ! -L "$root/$1"; } || fail "$2: /$1 is still there"
}

cp "$work/openvss.deb" "$root/openvss.deb"
inside dpkg -i /openvss.deb || fail "install"
inside getent group vss >/dev/null || fail "install: there is no group vss"
inside /usr/sbin/vssd --version || fail "install: vssd does not run"
inside /usr/bin/vss --version || fail "install: vss does not run"
test "$(inside /usr/sbin/vssd --check-config)" = "/etc/vss/vssd.toml: ok" || fail "install: settings"
there etc/systemd/system/multi-user.target.wants/vssd.service install
there etc/systemd/system/sockets.target.wants/vssd.socket install
echo "ok: install without a running systemd"

echo '# mine' >>"$root/etc/vss/vssd.toml"
inside dpkg -i /openvss.deb || fail "upgrade"
grep -q '^# mine$' "$root/etc/vss/vssd.toml" || fail "upgrade: changed settings are lost"
echo "ok: upgrade keeps the settings"

mkdir -p "$root/var/lib/vss" "$root/run/vss"
echo precious >"$root/var/lib/vss/catalogue.db"
inside dpkg -r openvss || fail "remove"
gone usr/sbin/vssd remove
gone run/vss remove
there etc/vss/vssd.toml remove
there var/lib/vss/catalogue.db remove
echo "ok: remove keeps settings and data"

inside dpkg -P openvss || fail "purge"
gone etc/vss purge
gone etc/systemd/system/multi-user.target.wants/vssd.service purge
gone etc/systemd/system/sockets.target.wants/vssd.socket purge
there var/lib/vss/catalogue.db purge
echo "ok: purge keeps data"

rm "$root/var/lib/vss/catalogue.db"
inside dpkg -i /openvss.deb >/dev/null || fail "install again"
inside dpkg -P openvss >/dev/null || fail "purge again"
gone var/lib/vss "purge of an empty state folder"
rm "$root/openvss.deb"
echo "ok: purge removes an empty state folder"

"$top/packaging/check-systemd.sh" "$work/openvss.deb" "$root"
