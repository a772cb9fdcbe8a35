#!/bin/sh
# Makes a Debian machine the workshop's virtual machine. `vagrant up` runs it as root; it can be run again at any time,
# also after one that failed, and does only what is still to be done.
#
#   provision.sh [CHECKOUT]      where the working tree is (/vagrant)
#
#   BOXWRIGHT_VM_SWAP    MiB of swap (1024)
set -eu
checkout=${1:-/vagrant}
swap=${BOXWRIGHT_VM_SWAP:-1024}
# The npm that installs the workshop's packages; the packages bring the Node that everything else runs on.
npm_version=11.19.1
npm_sha512=cedb312b1b7f92421a02cfb68b4194e88f8346651dacd6acc5364a25ef5309d4a32b19616a1ff8aff865e7280c0fa5c0835a99f5cd93368991e2a80ec9da75d2

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
umask 022
say() { echo "boxwright: $*"; }
fail() { echo "boxwright: $*" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A program's chatter, shown only if it fails.
quietly() { "$@" > "$log" 2>&1 < /dev/null || { cat "$log" >&2; fail "failed: $*"; }; }

[ "$(id -u)" = 0 ] || fail 'this needs root'
[ -e "$checkout/package-lock.json" ] || fail "there is no Boxwright in $checkout: is the folder shared?"

# ---- Debian's packages ------------------------------------------------------

apt() { quietly apt-get -o DPkg::Lock::Timeout=300 -qq "$@"; }
is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

# libseccomp2, iproute2 with nftables, and uidmap: the bonus levels
packages='ca-certificates iproute2 libseccomp2 mmdebstrap nftables procps sudo uidmap util-linux'
if ! command -v npm > /dev/null; then
  # Debian's own npm consists of four hundred packages. corepack is a single one, and fetches npm by its checksum.
  if ! apt-cache show node-corepack > /dev/null 2>&1; then apt update; fi
  if apt-cache show node-corepack > /dev/null 2>&1; then
    packages="$packages nodejs node-corepack"
  else
    packages="$packages npm"
  fi
fi
missing=''
for package in $packages; do is_installed "$package" || missing="$missing $package"; done
if [ -n "$missing" ]; then
  say "installing Debian's packages:$missing"
  apt update
  # shellcheck disable=SC2086 # a list of words
  apt --yes --no-install-recommends install $missing
else
  say "Debian's packages are there"
fi

# npm trusts whom this machine trusts; a network that looks into connections has its own certificate there.
export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
if ! command -v npm > /dev/null; then
  say "fetching npm $npm_version"
  export COREPACK_HOME=/opt/boxwright/corepack COREPACK_ENABLE_DOWNLOAD_PROMPT=0
  npm_program() { find "$COREPACK_HOME" -path "*/npm/$npm_version/bin/$1-cli.js" 2>/dev/null || true; }
  for _ in 1 2 3; do
    # Where the connection breaks, it may end as if all were well: what counts is the file.
    corepack "npm@$npm_version+sha512.$npm_sha512" --version > "$log" 2>&1 < /dev/null || true
    [ -z "$(npm_program npm)" ] || break
  done
  [ -n "$(npm_program npm)" ] || { cat "$log" >&2; fail 'npm could not be fetched: "vagrant provision" tries again'; }
  for name in npm npx; do ln -sf "$(npm_program "$name")" "/usr/local/bin/$name"; done
fi

# ---- the workshop's packages, on this machine's own disk --------------------

# node_modules of the working tree may hold programs for another system, and links do not survive every shared folder.
folder=/opt/boxwright/packages
wanted=$(sha256sum < "$checkout/package-lock.json" | cut -d' ' -f1)
if [ "$(cat "$folder/installed" 2>/dev/null || true)" = "$wanted" ]; then
  say 'npm packages are there'
else
  say 'installing npm packages'
  mkdir -p "$folder"
  rm -f "$folder/installed"
  cp "$checkout/package.json" "$checkout/package-lock.json" "$checkout/.npmrc" "$folder/"
  (cd "$folder" && quietly npm ci --ignore-scripts --no-update-notifier)
  echo "$wanted" > "$folder/installed"
fi

# Puts a file in its place where it is not there already: provisioning again changes nothing.
place() { cmp -s "$2" "$3" || install -D -m "$1" "$2" "$3"; }
place 755 "$checkout/vagrant/mount-packages.sh" /usr/local/sbin/boxwright-mount-packages
# At boot, where the folder is there by then. Where Vagrant mounts it later, the Vagrantfile does this, too.
cat > "$log" <<END
[Unit]
Description=Boxwright's npm packages, over those of the shared folder
After=local-fs.target remote-fs.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/boxwright-mount-packages $checkout

[Install]
WantedBy=multi-user.target
END
place 644 "$log" /etc/systemd/system/boxwright-packages.service
quietly systemctl daemon-reload
quietly systemctl enable boxwright-packages.service
quietly /usr/local/sbin/boxwright-mount-packages "$checkout"

# ---- swap, for experiments with memory --------------------------------------

if [ "$swap" -gt 0 ] && [ -z "$(swapon --show --noheadings)" ]; then
  say "making $swap MiB of swap"
  rm -f /swapfile
  quietly fallocate -l "${swap}M" /swapfile
  chmod 600 /swapfile
  quietly mkswap /swapfile
  quietly swapon /swapfile
  grep -q '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >> /etc/fstab
else
  say 'swap is as it should be'
fi

# ---- how the machine is used ------------------------------------------------

# By this the commands know that they are inside.
echo "$checkout" > "$log"
place 644 "$log" /etc/boxwright/virtual-machine
cat > "$log" <<END
# Whoever logs in to work stands in the workshop.
case \$- in *i*) if [ "\$PWD" = "\$HOME" ]; then cd $checkout || true; fi ;; esac
END
place 644 "$log" /etc/profile.d/boxwright.sh

say 'images, built from Debian'
cd "$checkout"
PATH=$checkout/node_modules/.bin:$PATH npm run --silent setup -- --all < /dev/null || fail 'the images could not be built: vagrant provision tries again'
say 'ready: npm run check level-00'
