#!/usr/bin/env bash
# Brings what building and booting tinyo needs: Rust's static targets, QEMU, and for each ARCH (default: both) a static
# busybox and a Debian cloud kernel with its modules under target/vm/ARCH. Nothing but Debian's own QEMU and tool
# packages is installed on the host; what is there already is left alone, so a second run has nothing to do.
# --rust-only: the Rust targets and nothing else, all that a build needs.
# --tests: also the tools that make what the tests of the probing compare with, and for x86_64 what only tests boot: under
# target/vm/x86_64-full Debian's usual kernel with the drivers of disks that no cloud has, and as target/vm/x86_64/debian.ext4 a
# Debian that debootstrap made (root only).
# --package NAME...: Debian's packages for x86_64, with the libraries that they depend on, unpacked together under
# target/bench/packages/NAME, the first of them; what scripts/bench.sh measures beside tinyo. Not installed.
# --chroot NAME PACKAGE...: Debian, by debootstrap, with these packages, under target/bench/chroots/NAME (root only).
# --bench: what scripts/bench.sh makes disks and images with.
# KERNEL=, MODULES=, BUSYBOX= and QEMU= name your own files and win over what this script would fetch.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
vm=$PWD/target/vm apt=$PWD/target/vm/apt
rust_only= tests=
[ "${1:-}" != --rust-only ] || { rust_only=1; shift; }
[ "${1:-}" != --tests ] || { tests=1; shift; }
[ $# -gt 0 ] || set -- x86_64 aarch64

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

no_apt() {
    die "no apt-get here to bring $1; install e2fsprogs by this system's own means, and set" \
        "QEMU=qemu-system-ARCH KERNEL=bzImage-or-Image MODULES=lib/modules/VERSION BUSYBOX=static-busybox"
}

rust_target() {
    have rustc || die "rustc: not found; install Rust 1.88 or newer with rustup"
    [ ! -d "$(rustc --print target-libdir --target "$1")" ] || return 0
    say "adding the Rust target $1"
    ! have rustup || rustup target add "$1" || true
    [ -d "$(rustc --print target-libdir --target "$1")" ] || die "Rust target $1: not installed and not to be had;" \
        "run 'rustup target add $1' where there is a network, or use Debian's rustc-web, cargo-web, rust-web-src and" \
        "musl-tools with RUSTC_BOOTSTRAP=1 and cargo -Zbuild-std=core"
}

# Debian's packages that go onto the host: given as PROGRAM:PACKAGE, those whose program is missing.
host_packages() {
    local pair package missing=()
    for pair; do have "${pair%%:*}" || missing+=("${pair#*:}"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || no_apt "${missing[*]}"
    # QEMU's programs share modules of their own build only: those that are there already move along with a new one.
    case ${missing[*]} in *qemu-system-*)
        missing+=($(dpkg-query -Wf '${db:Status-Abbrev} ${Package}\n' 'qemu-system-*' 2>/dev/null | sed -n 's/^ii *//p' || true)) ;;
    esac
    say "installing ${missing[*]}"
    # The lists first: what stale ones name may be gone, or of another build than what is installed next.
    # Never by the private index below, whose status says that nothing is installed: apt would put every library anew.
    as_root env -u APT_CONFIG apt-get update -qq
    as_root env -u APT_CONFIG apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# A package index of our own for both architectures: the host's dpkg learns of no foreign one.
private_apt() {
    export APT_CONFIG=$apt/apt.conf
    # Its paths are absolute: a tree that was moved or copied reads the lists anew.
    [ ! -e "$apt/ready" ] || ! grep -qF "\"$apt/state\"" "$apt/apt.conf" || return 0
    have apt-get && have dpkg-deb || no_apt "a kernel and a busybox"
    local sources
    sources=$(APT_CONFIG='' apt-get indextargets --format '$(ORIGIN) $(SOURCESENTRY)' | sed -n 's/^Debian \(.*\):[0-9]*$/\1/p' | sort -u)
    if [ -z "$sources" ]; then # no lists yet: they may only be missing
        as_root env -u APT_CONFIG apt-get update -qq
        sources=$(APT_CONFIG='' apt-get indextargets --format '$(ORIGIN) $(SOURCESENTRY)' | sed -n 's/^Debian \(.*\):[0-9]*$/\1/p' | sort -u)
    fi
    [ -n "$sources" ] || die "apt knows no Debian source to take a cloud kernel from; set KERNEL=, MODULES= and BUSYBOX="
    say "reading Debian's package lists for amd64 and arm64"
    rm -rf "$apt"; mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,sources}
    : >"$apt/status"
    for s in $sources; do cp "$s" "$apt/sources/"; done
    cat >"$apt/apt.conf" <<-END
	Dir::State "$apt/state";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Dir::Etc::sourcelist "/dev/null";
	Dir::Etc::sourceparts "$apt/sources";
	APT::Architecture "amd64";
	APT::Architectures { "amd64"; "arm64"; };
	APT::Sandbox::User "";
	APT::Update::Post-Invoke-Success "";
	Acquire::Languages "none";
	END
    apt-get update -qq
    touch "$apt/ready"
}

# fetch DIR PACKAGE:ARCH... downloads into DIR.deb, for DIR.
fetch() {
    local dir=$1
    shift
    say "fetching $*"
    mkdir -p "$dir" "$dir.deb"
    (cd "$dir.deb" && apt-get download -qq "$@") || { rm -f "$apt/ready"; die "$*: cannot be fetched; run this again, it reads the lists anew"; }
}

unpack() {
    local dir=$1 deb
    fetch "$@"
    for deb in "$dir.deb"/*.deb; do dpkg-deb -x "$deb" "$dir"; done
}

# Everything is made beside its place and renamed into it last: an interrupted run leaves nothing that looks whole.
busybox() {
    [ -z "${BUSYBOX:-}" ] && [ ! -e "$vm/$1/busybox" ] || return 0
    private_apt
    unpack "$work/busybox-$1" "busybox-static:$2"
    mkdir -p "$vm/$1"
    mv "$work/busybox-$1/bin/busybox" "$vm/$1/busybox" 2>/dev/null || mv "$work/busybox-$1/usr/bin/busybox" "$vm/$1/busybox"
}

# kernel_package META ARCH: the kernel that the package META stands for now; nothing: there is none.
kernel_package() { apt-cache depends "$1:$2" | sed -n 's/^ *Depends: *\(linux-image-[^ :]*\).*/\1/p' | head -n 1; }

# lib_modules DIR: modules that a package has below usr go to lib, where depmod looks.
lib_modules() { [ -d "$1/lib/modules" ] || { mkdir -p "$1/lib"; mv "$1/usr/lib/modules" "$1/lib/"; }; }

kernel() {
    [ -z "${KERNEL:-}${MODULES:-}" ] && [ ! -e "$vm/$1/modules" ] || return 0
    private_apt
    host_packages depmod:kmod
    local package version new=$work/kernel-$1
    package=$(kernel_package "linux-image-cloud-$2" "$2")
    [ -n "$package" ] || die "linux-image-cloud-$2: not among apt's packages; set KERNEL= and MODULES="
    unpack "$new" "$package:$2"
    lib_modules "$new"
    version=$(ls "$new/lib/modules")
    depmod -b "$new" "$version"
    mkdir -p "$vm/$1"
    mv "$new"/boot/config-* "$new/lib/modules/$version/config"
    mv "$new"/boot/vmlinuz-* "$vm/$1/vmlinuz"
    mv "$new/lib/modules" "$vm/$1/modules"
}

# kernel_config DIR ARCH: the kernel's own config beside its modules, where scripts/mkinitramfs.sh looks for it, of a kernel that
# an older setup.sh fetched without. What apt has no more cannot be asked for: that costs a note, and no run.
kernel_config() {
    local modules package new=$work/config-${1##*/}
    modules=$(echo "$1"/modules/*)
    [ -z "${KERNEL:-}${MODULES:-}" ] && [ -e "$modules" ] && [ ! -e "$modules/config" ] && [ -e "$apt/ready" ] || return 0
    private_apt
    package=linux-image-${modules##*/}:$2
    apt-cache show "$package" >/dev/null 2>&1 || return 0
    (fetch "$new" "$package") || { say "going on without that kernel's config"; return 0; }
    dpkg-deb --fsys-tarfile "$new.deb"/*.deb | tar -C "$new" -x --wildcards './boot/config-*'
    mv "$new"/boot/config-* "$modules/config"
}

# Debian's usual kernel, for disks on AHCI, USB and SD; of its 4,000 modules those that such a disk and its root can want.
full_kernel() {
    [ ! -e "$vm/$1-full/modules" ] || return 0
    private_apt
    host_packages depmod:kmod
    local package new=$work/full-$1 version
    package=$(kernel_package "linux-image-$2" "$2")
    [ -n "$package" ] || die "linux-image-$2: not among apt's packages"
    version=${package#linux-image-}
    fetch "$new" "$package:$2"
    dpkg-deb --fsys-tarfile "$new.deb"/*.deb | tar -C "$new" -x --wildcards './boot/vmlinuz-*' './boot/config-*' '*/modules.*' \
        '*/kernel/arch/*' '*/kernel/crypto/*' '*/kernel/drivers/'{ata,block,mmc,nvme,scsi,usb/{common,core,host,storage},virtio}'/*' \
        '*/kernel/fs/'{mbcache.ko,ext4,jbd2,erofs,overlayfs,squashfs}'*' '*/kernel/lib/*' '*/kernel/block/*'
    lib_modules "$new"
    depmod -b "$new" "$version"
    mv "$new"/boot/config-* "$new/lib/modules/$version/config"
    mv "$new"/boot/vmlinuz-* "$new/vmlinuz"
    mv "$new/lib/modules" "$new/modules"
    rm -rf "$new/boot" "$new/lib" "$new/usr"
    mv "$new" "$vm/$1-full"
}

# SUITE URI of the release itself: its updates and security fixes, CODENAME-updates, are no suites that debootstrap could begin
# with.
release() {
    APT_CONFIG= apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' | sed -n 's/^Debian \([a-z]* \)/\1/p' | sort -u
}

# A Debian as it is installed everywhere, systemd and all, with the UUID that examples/debian.toml asks for.
debian() {
    [ ! -e "$vm/$1/debian.ext4" ] || return 0
    [ "$(id -u)" = 0 ] || { say "no Debian to boot: debootstrap wants to be root"; return 0; }
    host_packages debootstrap:debootstrap
    local tree=$work/debian suite uri uuid
    uuid=$(sed -n 's/^source *= *"UUID=\(.*\)".*/\1/p' examples/debian.toml)
    read -r suite uri < <(release) ||
        { say "no Debian to boot: apt knows no release of Debian"; return 0; }
    say "making a Debian $suite"
    debootstrap --arch="$2" --variant=minbase --include=systemd,systemd-sysv,dbus,udev "$suite" "$tree" "$uri" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 5 "$work/debootstrap.log" >&2; say "no Debian to boot: debootstrap failed, with the above"; return 0; }
    # What it took from this host, and what was downloaded on the way.
    rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree/etc/resolv.conf"
    echo debian >"$tree/etc/hostname"
    echo "UUID=$uuid / ext4 errors=remount-ro 0 1" >"$tree/etc/fstab"
    truncate -s 640M "$work/debian.ext4"
    mkfs.ext4 -q -F -U "$uuid" -L debian -d "$tree" "$work/debian.ext4"
    mv "$work/debian.ext4" "$vm/$1/debian.ext4"
}

# What scripts/bench.sh boots, and its version in a file beside it.
packages() {
    local place=$PWD/target/bench/packages/$1 new=$work/packages all="$*" more
    [ ! -e "$place" ] || return 0
    private_apt
    apt-cache show "$@" >/dev/null 2>&1 || die "$*: not among apt's packages"
    while more=$({ printf '%s\n' $all; apt-cache depends -i $all | sed -n 's/^ *\(Pre\)\{0,1\}Depends: \(lib[^ :]*\)$/\2/p'; } | sort -u)
    [ "$more" != "$all" ]; do all=$more; done
    unpack "$new" $all
    dpkg-deb -f "$new.deb/$1"_*.deb Version >"$new/version"
    mkdir -p "${place%/*}"
    mv "$new" "$place"
}

# A Debian with other packages, for tools of its own.
chroot_of() {
    local place=$PWD/target/bench/chroots/$1 suite uri
    shift
    [ ! -e "$place" ] || return 0
    host_packages debootstrap:debootstrap
    read -r suite uri < <(release) || die "apt knows no release of Debian to take $* from"
    say "debootstrap of $suite"
    as_root debootstrap --variant=minbase --include="$(IFS=,; echo "$*")" "$suite" "$work/root" "$uri" >"$work/log" 2>&1 ||
        die "debootstrap: $(tail -n 1 "$work/log")"
    mkdir -p "${place%/*}"
    as_root mv "$work/root" "$place"
}

mkdir -p "$vm"
work=$(mktemp -d "$vm/.setup.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ "${1:-}" != --chroot ] || { shift; chroot_of "$@"; exit; }
[ "${1:-}" != --bench ] || { host_packages mkfs.ext4:e2fsprogs sfdisk:fdisk lz4:lz4 zstd:zstd; exit; }
[ "${1:-}" != --package ] || { shift; packages "$@"; exit; }
[ -z "$tests" ] || host_packages sfdisk:fdisk mkfs.vfat:dosfstools mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs mkfs.f2fs:f2fs-tools \
    mkfs.exfat:exfatprogs mkfs.ntfs:ntfs-3g cryptsetup:cryptsetup-bin xorriso:xorriso
for arch; do
    case $arch in
    x86_64) deb=amd64 qemu=qemu-system-x86_64:qemu-system-x86 ;;
    aarch64) deb=arm64 qemu=qemu-system-aarch64:qemu-system-arm ;;
    *) die "$arch: not an architecture of ours; write x86_64 or aarch64" ;;
    esac
    rust_target "$arch-unknown-linux-musl"
    [ -z "$rust_only" ] || continue
    [ -n "${QEMU:-}" ] || host_packages "$qemu"
    host_packages mkfs.ext4:e2fsprogs mksquashfs:squashfs-tools mkfs.erofs:erofs-utils
    kernel "$arch" "$deb"
    kernel_config "$vm/$arch" "$deb"
    busybox "$arch" "$deb"
    [ -n "$tests" ] && [ "$arch" = x86_64 ] || continue
    full_kernel "$arch" "$deb"
    kernel_config "$vm/$arch-full" "$deb"
    debian "$arch" "$deb"
done
say "all there: $*"
