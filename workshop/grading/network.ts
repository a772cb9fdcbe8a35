// The network of a testbed's host: what a grader puts there, and what the kernel says of it. The host gets a way out to
// an outside that is made for it; nothing of the machine's own network is seen or touched. See ip(8), nft(8).
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, namespacesOf } from './processes.ts';
import { choices } from './random.ts';
import { NoTestbed, systemPath, type Testbed } from './testbed.ts';

const { pickNumber, randomWord } = choices('network');

/** What there is to a host's network before a program comes. */
export type HostNetwork = {
  /** Whether it hands packets on from one interface to another. */
  forwards: boolean;
  /** A shell script that stands in the place of ip(8); `$ip` is the real one. */
  ip?: string;
};

/** Whom the hosts can reach outside, where one name is known; and the host's own address on the way there. */
const third = pickNumber(1, 254);
export const outside = {
  name: `${randomWord()}.example`,
  address: `198.18.${third}.2`,
  named: `198.18.${third}.3`,
  host: `198.18.${third}.1`,
} as const;

/** What the host's /etc/resolv.conf says: as where systemd-resolved runs, and the outside. */
const resolvConf = `nameserver 127.0.0.53\nnameserver ${outside.address}\noptions timeout:2 attempts:2\n`;

/** The host's own firewall: rules as they may be on any machine. */
const firewall = `
  table inet of_${randomWord()} {
    set lan { type ipv4_addr; flags interval; elements = { 192.168.0.0/16 } }
    chain input { type filter hook input priority filter; policy accept; ip saddr @lan tcp dport 22 accept; }
    chain forward { type filter hook forward priority filter; policy accept; ct state invalid drop; }
  }
  table ip nat {
    chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; ip saddr 172.31.0.0/16 masquerade; }
  }`;

/** An interface, as `ip -json -details address` shows it. */
export type Interface = {
  name: string;
  index: number;
  /** veth, bridge, …; empty for lo. */
  kind: string;
  up: boolean;
  /** The bridge that it is a port of. */
  master: string | null;
  /** The number of its other end, which may be in another network namespace. */
  peerIndex: number | null;
  /** Addresses of IP version 4, with the length of the prefix: `10.0.0.2/24`. */
  addresses: string[];
};

/** A network namespace at one moment. */
export type NetworkFacts = {
  interfaces: Interface[];
  /** Routes, a line each. */
  routes: string[];
  /** The rules of its firewall. */
  rules: string;
  forwards: boolean;
};

/** The network that a command has, and who answers whom. */
export type OwnNetwork = NetworkFacts & {
  /** Addresses of other containers that run. */
  neighbours: string[];
  /** Those from which an answer came to the command's network: the neighbours, and the host. */
  answered: string[];
  /** Its own addresses from which an answer came to the host. */
  answeredHost: string[];
};

const prepared = new WeakMap<Testbed, number>();

/** Gives a host a network and an outside, unless it has them. @throws NoTestbed where this machine cannot */
export async function prepareNetwork(testbed: Testbed, { forwards, ip }: HostNetwork): Promise<void> {
  if (prepared.has(testbed)) return;
  const server = testbed.start(
    ['unshare', '--net', process.execPath, path.join(import.meta.dirname, 'outside.ts'), outside.name, outside.named],
    { cwd: '/', env: { PATH: systemPath } },
  );
  let complaint = '';
  server.stderr!.on('data', (text: Buffer) => (complaint += text.toString()));
  const end = once(server, 'exit');
  const heard = await Promise.race([once(server.stdout!, 'data'), end.then(() => null)]);
  if (heard === null) throw new Error(`the outside of a testbed did not start: ${complaint}`);
  const pid = childrenOf(server.pid!)[0]!;
  await shell(
    ['nsenter', '--target', String(testbed.initPid), '--net'],
    `ip link set lo up
     ip link add uplink type veth peer name eth0 netns ${pid}
     ip address add ${outside.host}/24 dev uplink
     ip link set uplink up
     ip route add default via ${outside.address}
     nft -f - <<'RULES'\n${firewall}\nRULES
     echo ${forwards ? 1 : 0} > /proc/sys/net/ipv4/ip_forward`,
  );
  await shell(
    ['nsenter', '--target', String(pid), '--net'],
    `ip link set lo up
     ip address add ${outside.address}/24 dev eth0
     ip address add ${outside.named}/24 dev eth0
     ip link set eth0 up`,
  );
  // Not through /proc/PID/root: the machine's own resolv.conf may be a link, which would lead to the machine's file.
  const files = testbed.start(
    [
      'sh',
      '-ec',
      `rm -f /etc/resolv.conf
       printf %s "$1" > /etc/resolv.conf
       [ -n "$2" ] || exit 0
       ip=$(command -v ip)
       cp "$(readlink -f "$ip")" /usr/local/sbin/ip-of-the-host
       rm "$ip"
       printf '#!/bin/sh\\nip=/usr/local/sbin/ip-of-the-host\\n%s\\n' "$2" > "$ip"
       chmod 755 "$ip"`,
      'sh',
      resolvConf,
      ip ?? '',
    ],
    { cwd: '/', env: { PATH: systemPath } },
  );
  files.stdin!.end();
  const [status] = (await once(files, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`the files of a testbed's network could not be made: status ${status}`);
  prepared.set(testbed, pid);
}

async function shell(before: readonly string[], script: string): Promise<void> {
  const [program = '', ...words] = [...before, 'sh', '-ec', script];
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: systemPath } });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) {
    throw new NoTestbed(
      `this machine has no network for a testbed (it needs ip and nft, of Debian's packages iproute2 and nftables, and a kernel with bridges and NAT): ${complaint.trim()}`,
    );
  }
}

/** The network namespace of a process; null where it has ended. */
export function networkOf(pid: number): NetworkFacts | null {
  const parts = inNetworkOf(
    pid,
    'ip -json -details address; echo --; ip route; echo --; nft list ruleset; echo --; cat /proc/sys/net/ipv4/ip_forward',
  ).split(/^--$/m);
  const [interfaces = '', routes = '', rules = '', forwards = ''] = parts.map((part) => part.trim());
  if (parts.length !== 4 || interfaces === '') return null;
  return {
    interfaces: (JSON.parse(interfaces) as RawInterface[]).map(understood),
    // linkdown comes and goes by itself.
    routes: routes.split('\n').map((line) => line.trim().replace(/ linkdown$/, '')),
    rules,
    forwards: forwards === '1',
  };
}

/** As ip(8) prints it. */
type RawInterface = {
  ifname: string;
  ifindex: number;
  flags: string[];
  master?: string;
  link_index?: number;
  linkinfo?: { info_kind?: string };
  addr_info: { family: string; local: string; prefixlen: number }[];
};

function understood({ ifname, ifindex, flags, master, link_index, linkinfo, addr_info }: RawInterface): Interface {
  return {
    name: ifname,
    index: ifindex,
    kind: linkinfo?.info_kind ?? '',
    up: flags.includes('UP'),
    master: master ?? null,
    peerIndex: link_index ?? null,
    addresses: addr_info
      .filter(({ family }) => family === 'inet')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

/** Milliseconds in which the kernel has taken away the interfaces of a network whose last process has ended. */
const CLEARING = 5000;

/** Waits until the kernel has taken away what belonged to networks that have ended since `before`; not for ever. */
export async function networkAtRest(testbed: Testbed, before: NetworkFacts): Promise<void> {
  const known = new Set(before.interfaces.map(({ name }) => name));
  const limit = AbortSignal.timeout(CLEARING);
  const more = (): boolean =>
    networkOf(testbed.initPid)?.interfaces.some(({ kind, name }) => kind === 'veth' && !known.has(name)) === true;
  while (more() && !limit.aborted) await delay(20);
}

/** The network of a command, seen from outside; null where it has none of its own, or has ended. */
export function ownNetwork(testbed: Testbed, pid: number): OwnNetwork | null {
  const networkNamespace = (of: number): string => namespacesOf(of)['net'] ?? '';
  const own = networkNamespace(pid);
  const host = networkNamespace(testbed.initPid);
  const facts = own === '' || own === host ? null : networkOf(pid);
  if (facts === null) return null;
  const others = new Map(testbed.pids().map((each) => [networkNamespace(each), each]));
  for (const known of ['', own, host, networkNamespace(prepared.get(testbed)!)]) others.delete(known);
  const neighbours = [...others.values()].flatMap((each) => addressesOf(networkOf(each)));
  const hostAddresses = addressesOf(networkOf(testbed.initPid)).filter((address) => address !== outside.host);
  return {
    ...facts,
    neighbours,
    answered: answering(pid, [...neighbours, ...hostAddresses]),
    answeredHost: answering(testbed.initPid, addressesOf(facts)),
  };
}

/** The addresses of a network, without prefix and without those that only it has. */
export function addressesOf(facts: NetworkFacts | null): string[] {
  return (facts?.interfaces ?? []).flatMap(({ name, addresses }) =>
    name === 'lo' ? [] : addresses.map((address) => address.split('/')[0]!),
  );
}

/** Those of the addresses that answer, be it with a refusal: nobody need listen there. */
function answering(pid: number, addresses: readonly string[]): string[] {
  const attempt = (address: string): string =>
    `timeout 5 bash -c 'exec 3<>/dev/tcp/${address}/9' 2>&1 | grep -q refused && echo ${address} &`;
  return addresses.length === 0
    ? []
    : inNetworkOf(pid, `${addresses.map(attempt).join('\n')}\nwait`)
        .split('\n')
        .filter(Boolean);
}

function inNetworkOf(pid: number, script: string): string {
  const words = ['--target', String(pid), '--net', 'sh', '-c', script];
  return spawnSync('nsenter', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: systemPath },
  }).stdout;
}
