#!/bin/sh
# Inside the guest of run-in-guest.sh, as root: puts everything in its place, runs the command, leaves its status.
set -eu
guest=/run/guest

start() {
  mkdir -p /vagrant /opt/packages /run/images /var/lib/boxwright/images
  mount -t virtiofs project /vagrant
  mount /dev/vdb /opt/packages
  mount --bind /opt/packages/node_modules /vagrant/node_modules
  ln -s /opt/packages/npm/bin/npm-cli.js /usr/local/bin/npm
  ln -s /opt/packages/npm/bin/npx-cli.js /usr/local/bin/npx
  mount -t virtiofs -o ro images /run/images
  cp -a /run/images/*.tar /run/images/*.json /var/lib/boxwright/images/
  umount /run/images

  # For experiments with memory and swap.
  fallocate -l 1G /swapfile
  chmod 600 /swapfile
  mkswap -q /swapfile
  swapon /swapfile
}

status=4
if start >> "$guest/output" 2>&1; then
  status=0
  cd /vagrant
  env -i HOME=/root LANG=C.UTF-8 BOXWRIGHT_WHERE=here BOXWRIGHT_TIME_LIMIT=120 \
    PATH=/vagrant/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh "$guest/command.sh" >> "$guest/output" 2>&1 < /dev/null || status=$?
fi
echo "$status" > "$guest/status"
