#!/bin/sh
# Installs the Debian packages that the workshop's own tests need, as far as they are missing.
#
#   install-packages.sh [tests|guest|vagrant]    for npm test (the default), test:v2, test:vm
set -eu

case ${1:-tests} in
  tests)
    # util-linux: sandboxes (unshare, setpriv); uidmap: containers without root (newuidmap); tmux: terminals, with zsh and
    # fish besides bash; gcc and libc6-dev: what C says of the constants; libseccomp2: filters of system calls
    packages='util-linux uidmap tmux zsh fish gcc libc6-dev libseccomp2'

    # networks of containers
    packages="$packages iproute2 nftables"

    # a browser for the site, and letters for it; libcap2-bin, procps, python3: commands of the handbook
    packages="$packages chromium fonts-liberation libcap2-bin procps python3-minimal"

    # runtimes that are known to be right, which the graders must pass
    packages="$packages bubblewrap crun runc"
    # images in layers: a registry, and what fills it; openssl: whom it trusts
    packages="$packages docker-registry skopeo umoci openssl"
    # grading a class: the queue between machines, and bundles that are handed in
    packages="$packages redis-server git"

    # arm64 on another machine: an emulator for programs, what Node links to, and the C headers
    if [ "$(dpkg --print-architecture)" != arm64 ]; then
      packages="$packages qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
        libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross libatomic1-arm64-cross"
    fi
    ;;
  guest)
    # an emulated machine, and what builds its disk; from Debian 13 on virtiofsd is a package of its own
    packages='qemu-system-x86 qemu-utils mmdebstrap debian-archive-keyring e2fsprogs fdisk grub-pc-bin grub-common'
    if apt-cache show virtiofsd > /dev/null 2>&1; then packages="$packages virtiofsd"; fi
    ;;
  vagrant)
    packages='vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients dnsmasq-base iptables iproute2
      slirp4netns rsync openssh-client procps'
    ;;
  *)
    echo "install-packages.sh: tests, guest or vagrant, not $1" >&2
    exit 2
    ;;
esac

missing=''
for package in $packages; do
  case "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "these packages are missing, and installing them needs root:$missing" >&2
  echo "run: sudo sh tests/install-packages.sh ${1:-tests}" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 --quiet --quiet update
# shellcheck disable=SC2086 # a list of words
apt-get -o DPkg::Lock::Timeout=300 --quiet --quiet --yes --no-install-recommends install $missing
