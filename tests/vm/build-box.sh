#!/bin/sh
# Builds a virtual machine's disk, and a Vagrant box of it, from Debian's packages alone; for tests only.
#
#   build-box.sh        prints the folder that holds it; builds it where that has not been done
#
# In the folder: disk.qcow2 (boots by BIOS and GRUB), vmlinuz, initrd.img, cmdline (boot by the kernel alone), and
# debian.box (the provider is libvirt). Needs root, and neither KVM nor a loop device.
#
# Such a box must not be given away: its ssh host keys are known to everyone who has it, it trusts the same
# certificates as this machine, it names this machine's package sources, and the kernel's defences against other
# programs' eyes are off, since they slow an emulated machine down.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
suite=trixie

cache=${BOXWRIGHT_TEST_CACHE:-/var/cache/boxwright}
certificates=$(find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null | sort)
# shellcheck disable=SC2086 # a list of files
key=$( (cat "$here/build-box.sh" && cat /dev/null $certificates) | sha256sum | cut -c1-16)
folder=$cache/box-$suite-$key
if [ -e "$folder/debian.box" ]; then
  echo "$folder"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.building-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
root=$work/root
say() { echo "box: $*" >&2; }
# A program's chatter, shown only if it fails.
quietly() {
  "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; say "failed: $*"; exit 1; }
}
inside() { quietly chroot "$root" "$@"; }

say "installing Debian ($suite) into a folder"
packages=systemd-sysv,systemd-resolved,systemd-timesyncd,udev,dbus,libpam-systemd,linux-sysctl-defaults
packages=$packages,openssh-server,sudo,rsync,ca-certificates,iproute2,nftables,procps,kmod,e2fsprogs
packages=$packages,linux-image-cloud-amd64,initramfs-tools,zstd
# newuidmap, for bonus-rootless in test:v2, whose machine nobody provisions.
packages=$packages,uidmap
# The initial RAM disk holds what this machine needs and nothing else: unpacking it is slow under emulation.
quietly unshare --mount --propagation private mmdebstrap --mode=root --variant=apt --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
  --essential-hook='printf "MODULES=list\nCOMPRESS=zstd\n" > "$1/etc/initramfs-tools/conf.d/small"' \
  --essential-hook='printf "%s\n" virtio_pci virtio_blk virtio_scsi sd_mod ext4 virtio_net virtiofs overlay \
    > "$1/etc/initramfs-tools/modules"' \
  "$suite" "$root"

say 'setting it up'
echo boxwright > "$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 boxwright\n' > "$root/etc/hosts"
echo 'LABEL=boxwright / ext4 noatime 0 1' > "$root/etc/fstab"
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
cat > "$root/etc/systemd/network/80-dhcp.network" <<'END'
[Match]
Name=en* eth*
[Network]
DHCP=ipv4
LinkLocalAddressing=ipv4
IPv6AcceptRA=no
[DHCPv4]
ClientIdentifier=mac
END
inside systemctl enable -q systemd-networkd systemd-resolved ssh
inside systemctl mask -q apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer dpkg-db-backup.timer getty@tty1.service systemd-networkd-wait-online.service systemd-pstore.service
inside systemctl set-default -q multi-user.target
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# Certificates that this machine trusts besides Debian's: those of a network that looks into its connections.
if [ -n "$certificates" ]; then
  # shellcheck disable=SC2086
  cp $certificates "$root/usr/local/share/ca-certificates/"
  inside update-ca-certificates
fi
# The mirror may be an old snapshot.
cat > "$root/etc/apt/apt.conf.d/99boxwright" <<'END'
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::Languages "none";
END

# run-in-guest.sh: the share "guest" says what to do.
cat > "$root/etc/systemd/system/boxwright-guest.service" <<'END'
[Unit]
ConditionKernelCommandLine=boxwright.guest
After=basic.target network.target systemd-resolved.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /run/guest && mount -t virtiofs guest /run/guest && exec sh /run/guest/start.sh'
StandardOutput=journal+console
[Install]
WantedBy=multi-user.target
END
inside systemctl enable -q boxwright-guest.service

# What Vagrant expects of a box: the user vagrant, its well-known key, sudo without a password.
inside useradd -m -s /bin/bash -u 1000 vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
cp "$here/vagrant-insecure.pub" "$root/home/vagrant/.ssh/authorized_keys"
chmod 600 "$root/home/vagrant/.ssh/authorized_keys"
inside chown -R vagrant:vagrant /home/vagrant/.ssh
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
printf 'UseDNS no\nGSSAPIAuthentication no\n' > "$root/etc/ssh/sshd_config.d/vagrant.conf"

kernel=$(ls "$root/lib/modules")
cmdline='root=LABEL=boxwright rw console=tty0 console=ttyS0 net.ifnames=0 mitigations=off audit=0 panic=5 quiet'
echo "$cmdline" > "$work/cmdline"
cp "$root/boot/vmlinuz-$kernel" "$work/vmlinuz"
cp "$root/boot/initrd.img-$kernel" "$work/initrd.img"
mkdir -p "$root/boot/grub"
printf 'linux /boot/vmlinuz-%s %s\ninitrd /boot/initrd.img-%s\nboot\n' "$kernel" "$cmdline" "$kernel" \
  > "$root/boot/grub/grub.cfg"

say 'writing the disk'
disk=$work/disk.raw
first_sector=2048
truncate -s 12G "$disk"
echo "$first_sector,,L,*" | quietly sfdisk -q "$disk"
kib=$((($(stat -c %s "$disk") / 512 - first_sector) / 2))
# The filesystem goes straight into the partition: no mount, no loop device.
quietly mke2fs -q -t ext4 -L boxwright -m 0 -E "offset=$((first_sector * 512)),lazy_itable_init=1,lazy_journal_init=1" \
  -d "$root" "$disk" "${kib}k"
# GRUB without grub-install: boot.img into the master boot record, around the partition table, and core.img behind it,
# where boot.img looks for it.
grub=/usr/lib/grub/i386-pc
printf 'set root=(hd0,msdos1)\nset prefix=(hd0,msdos1)/boot/grub\nconfigfile /boot/grub/grub.cfg\n' > "$work/early.cfg"
quietly grub-mkimage -O i386-pc -d "$grub" -c "$work/early.cfg" -p '(hd0,msdos1)/boot/grub' -o "$work/core.img" \
  biosdisk part_msdos ext2 linux normal configfile echo boot
[ "$(stat -c %s "$work/core.img")" -lt $(((first_sector - 1) * 512)) ]
dd if="$grub/boot.img" of="$disk" bs=1 count=440 conv=notrunc status=none
dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
quietly qemu-img convert -O qcow2 "$disk" "$work/disk.qcow2"

say 'packing the box'
mkdir "$work/box"
ln "$work/disk.qcow2" "$work/box/box.img"
echo '{"provider":"libvirt","format":"qcow2","virtual_size":12}' > "$work/box/metadata.json"
tar -C "$work/box" -cf - metadata.json box.img | gzip -1 > "$work/debian.box"
rm -rf "$root" "$work/box" "$disk" "$work/core.img" "$work/early.cfg" "$work/log"
chmod 755 "$work"
# Whoever was faster has made the same.
mv -T "$work" "$folder" 2>/dev/null || [ -e "$folder/debian.box" ]
say "done: $(du -sh "$folder" | cut -f1)"
echo "$folder"
