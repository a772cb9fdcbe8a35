#!/bin/sh
# The first process of a worker's virtual machine: puts everything in its place, then starts the agent. There is no
# systemd: the machine has nothing else to do, and is there in seconds.
#
# On its disks: Debian (vda), npm packages (vdb, read-only), and at /run/boxwright this workshop and the image busybox
# (vdc, read-only). All that is written goes to layers which are thrown away: see vm-worker.ts.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mount -o remount,rw /
modprobe virtio_console
modprobe overlay
mkdir -p /dev/pts /dev/shm /opt/packages /srv/workshop
mount -t devpts -o ptmxmode=666,mode=620 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /run/boxwright-disk /srv/workshop
mount -o ro /dev/vdb /opt/packages
mount --bind /opt/packages/node_modules /srv/workshop/node_modules
mkdir -p /var/lib/boxwright/images
cp /srv/workshop/images/* /var/lib/boxwright/images/
ip link set lo up
hostname boxwright
# As systemd has it.
mount --make-rshared /

cd /srv/workshop
BOXWRIGHT_WHERE=here node_modules/.bin/node workshop/class/vm-agent.ts &
wait $!
echo o > /proc/sysrq-trigger
