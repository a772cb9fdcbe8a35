#!/bin/bash
# A private place for libvirt and Vagrant, in which a command runs as root:
#
#   lab.sh FOLDER COMMAND [ARGUMENT…]
#
# It has network, mount and PID namespaces of its own. This machine's network, cgroups, /run, /var/lib/libvirt and
# /dev/kvm are not touched; when the command ends, every process in the lab ends with it. FOLDER keeps what libvirt and
# Vagrant write. Whatever connects to the outside goes through slirp4netns.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  lab=$(realpath "$1")
  shift
  namespace=$(basename "$lab")
  uplink=''
  holder=''
  cleanup() {
    [ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null || true
    [ -z "$uplink" ] || kill "$uplink" 2>/dev/null || true
    wait 2>/dev/null || true
    ip netns del "$namespace"
  }
  ip netns add "$namespace"
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  mkdir -p "$lab"/{libvirt,cache,vagrant,home,log}
  slirp4netns --configure --mtu=1500 --disable-host-loopback --netns-type=path "/run/netns/$namespace" eth0 \
    < /dev/null > "$lab/log/slirp4netns" 2>&1 &
  uplink=$!
  nsenter --net="/run/netns/$namespace" unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash "$0" --inside "$lab" "$@" &
  holder=$!
  status=0
  wait "$holder" || status=$?
  holder=''
  exit "$status"
fi

# ---- inside: PID 1 of the lab ------------------------------------------------------------------------------------
lab=$2
shift 2

# This network namespace's /sys, without cgroups below it.
mount -t sysfs sysfs /sys

# Without /dev/kvm, libvirt and QEMU can only emulate.
devices=$lab/dev
mkdir -p "$devices"
mount -t tmpfs -o mode=755 tmpfs "$devices"
while read -r name major minor; do
  mknod -m 666 "$devices/$name" c "$major" "$minor"
done <<'END'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir "$devices/net" "$devices/pts" "$devices/shm"
mknod -m 666 "$devices/net/tun" c 10 200
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$devices/pts"
mount -t tmpfs tmpfs "$devices/shm"
ln -s pts/ptmx "$devices/ptmx"
ln -s /proc/self/fd "$devices/fd"
ln -s fd/0 "$devices/stdin"
ln -s fd/1 "$devices/stdout"
ln -s fd/2 "$devices/stderr"
mount --rbind "$devices" /dev

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/libvirt "$lab/libvirt/images"
mount --bind "$lab/libvirt" /var/lib/libvirt
mount --bind "$lab/cache" /var/cache/libvirt
[ -d "$lab/etc" ] || cp -a /etc/libvirt "$lab/etc"
rm -f "$lab"/etc/qemu/networks/autostart/*
# QEMU as root, without cgroups and security drivers: the namespaces are the wall.
cat > "$lab/etc/qemu.conf" <<'END'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
END
mount --bind "$lab/etc" /etc/libvirt

ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
# Waits until COMMAND succeeds.
until_it_works() {
  local try
  for ((try = 0; try < 600; try++)); do
    if "$@" > /dev/null 2>&1; then return 0; fi
    sleep 0.05
  done
  echo "lab: failed: $*" >&2
  return 1
}
has_uplink() { ip route | grep -q ^default; }
until_it_works has_uplink
virtlogd -d 2>> "$lab/log/libvirt"
libvirtd -d 2>> "$lab/log/libvirt"
until_it_works virsh -q -c qemu:///system list

# What a developer has in their own Vagrant settings; here for a machine without KVM.
cat > "$lab/vagrant/Vagrantfile" <<'END'
Vagrant.configure('2') do |config|
  config.vm.boot_timeout = 900
  config.vm.box_check_update = false
  config.vm.provider :libvirt do |machine|
    machine.driver = 'qemu'
    machine.graphics_type = 'none'
    machine.cpu_mode = 'custom'
    machine.cpu_model = 'Nehalem'
    machine.disk_driver cache: 'unsafe'
  end
end
END
export VAGRANT_HOME=$lab/vagrant VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_NO_PARALLEL=1
export HOME=$lab/home
status=0
"$@" || status=$?
exit "$status"
