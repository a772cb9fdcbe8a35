#!/bin/sh
# Lays this virtual machine's own npm packages over node_modules of the working tree, which belongs to the host.
# Does nothing where that is done already, or where the shared folder is not mounted yet.
#
#   boxwright-mount-packages [CHECKOUT]
set -eu
checkout=${1:-/vagrant}
packages=/opt/boxwright/packages/node_modules
there=$checkout/node_modules

[ -e "$checkout/package.json" ] || exit 0
if [ -d "$there" ] && [ "$(stat -c %d:%i "$there")" = "$(stat -c %d:%i "$packages")" ]; then exit 0; fi
# Some shared folders let nobody but the user of the machine write.
[ -d "$there" ] || mkdir "$there" 2>/dev/null || sudo -u vagrant mkdir "$there"
mount --bind "$packages" "$there"
