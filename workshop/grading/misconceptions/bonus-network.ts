// What people believe who fail the bonus level about networks. What ip(8) and nft(8) were told is in no trace: lines are
// found by their words.
import path from 'node:path';
import type { TraceLine } from '../../../linux/trace.ts';
import { findCall, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';
import { said } from '../tour.ts';

/** The interfaces of the container. */
const inside = (run: Run) => run.during?.network?.interfaces ?? [];

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'writing-end-kept-by-the-reader',
    checks: ['network.1'],
    man: 'pipe(7)',
    line: /=> contain\(|^\s+contain\(|readSync\(/,
    why: 'A read comes to its end when nobody can write into the pipe any more. The child is a copy of its parent and has a copy of the writing end: as long as it keeps that one open, it waits for itself.',
    shows: (run) => run.timedOut && run.during === null && findCall(run, 'pipe2') !== undefined,
  },
  {
    slug: 'interface-name-too-long',
    checks: ['network.1'],
    man: 'ip-link(8)',
    line: /type veth/,
    why: 'The name of an interface has at most 15 characters.',
    shows: (run) => /not a valid ifname|failed policy validation|Numerical result out of range/.test(run.stderr),
  },
  {
    slug: 'pair-not-in-the-container',
    checks: ['network.1', 'network.2'],
    man: 'veth(4)',
    line: /type veth/,
    why: 'Both ends of the pair are on the host. A pair leads from one network into another only if one of its ends is there: made there, or moved there.',
    shows: (run) => /Cannot find device/.test(run.stderr),
  },
  {
    slug: 'command-refused',
    checks: ['network.1'],
    man: 'ip(8)',
    why: 'ip or nft has not done what it was told. Its message says why, as the kernel did; "Command failed -:2" means the second of its commands. Each needs what the ones before it made: an interface before its address, and an address before a route that leads through its network.',
    shows: (run) => run.during === null && /Command failed: (ip|nft|nsenter)\b/.test(run.stderr) && callerOf(run),
  },
  {
    slug: 'does-not-wait',
    checks: ['network.1', 'network.4'],
    man: 'pipe(7)',
    line: /^\s+(return )?contain\(|=> contain\(/,
    why: 'After clone there are two processes, and nobody knows which one is faster. The child started the command while its parent was still making the network.',
    // A moment later all was there.
    shows: (run, finding) => /not there yet/.test(finding.actual) || said(run, 'afterwards, localhost') === 'yes',
  },
  {
    slug: 'loopback-left-down',
    checks: ['network.1'],
    line: /dev eth0|dev \$\{/,
    why: 'The new network namespace has a lo, but nobody has switched it on. The interfaces of a new namespace are all down, this one, too.',
    shows: (run) => run.during !== null && inside(run).some(({ name, up }) => name === 'lo' && !up),
  },
  {
    slug: 'not-plugged-into-the-bridge',
    checks: ['network.2'],
    line: /type veth/,
    why: 'The host’s end of the pair exists, but is no port of a bridge. What comes out of it there reaches nobody else.',
    shows: (_run, finding) => /is in no bridge/.test(finding.actual),
  },
  {
    slug: 'end-left-down',
    checks: ['network.2'],
    line: /link set /,
    why: 'Every interface begins switched off: both ends of the pair, and the bridge. One that is down lets nothing through, and the other end shows no carrier.',
    shows: (_run, finding) => finding.actual.endsWith(' is down'),
  },
  {
    slug: 'no-default-route',
    checks: ['network.3'],
    line: /address add .*eth0|dev eth0/,
    why: 'With its address a container knows the way to its own network and to no other. For all else it must be told who hands packets on: the default route.',
    shows: (_run, finding) => /no default route/.test(finding.actual),
  },
  {
    slug: 'goes-on-without',
    checks: ['network.4'],
    line: /\bjoinNetwork\((?!id: )/,
    why: 'Where the network could not be made, the command was started all the same. Somebody who asked for a network then has a program that fails in ways that are hard to understand. What cannot be had must be said, and the command not be started.',
    shows: (_run, finding) => /ran without a network/.test(finding.actual),
  },
  {
    slug: 'one-address-for-all',
    checks: ['network.5'],
    line: /addressOf\([2-9]\d*\)|\.\d+\.2\b/,
    why: 'Each container has a namespace of its own, but all are plugged into one bridge, and that is one network. With the second container two ports answer to the same address, sometimes the one and sometimes the other.',
    shows: (_run, finding) => /is there twice/.test(finding.actual),
  },
  {
    slug: 'nobody-waits-for-their-turn',
    checks: ['network.5'],
    man: 'flock(2)',
    line: /body\(\)|links\(\);/,
    why: 'To look what is free and to take it are two steps, and another box.ts can come in between: both see the same, and both take it. Whoever looks must keep the others out until it has taken.',
    shows: (_run, finding) => /start at the same moment/.test(finding.expected),
  },
  {
    slug: 'host-does-not-forward',
    checks: ['network.6'],
    man: 'ip(7)',
    line: /makeBridge\(/,
    why: 'A machine that gets a packet for somebody else throws it away, unless it has been told to be a router. That is a setting of the kernel, and it is off at first.',
    shows: (run) => run.during?.host.network?.forwards === false,
  },
  {
    slug: 'sender-unknown-outside',
    checks: ['network.6'],
    line: /makeBridge\(/,
    why: 'The packet goes out with the container’s own address as its sender. Nobody outside knows the way to that address, so no answer comes back. The host has to put its own address there, and to remember whom the answer is for.',
    shows: (run) => run.during?.host.network?.forwards === true && !/masquerade|snat to/.test(newRules(run)),
  },
  {
    slug: 'localhost-of-the-host',
    checks: ['network.7'],
    line: /'\/etc\/resolv\.conf'/,
    why: 'The host’s resolv.conf was copied as it is. A nameserver on 127.0.0.53 listens on the host’s own localhost; in the container that address is the container.',
    shows: (_run, finding) => /nameserver on 127/.test(finding.actual),
  },
  {
    slug: 'own-name-unknown',
    checks: ['network.7'],
    man: 'hosts(5)',
    line: /sethostname|\/etc\/hosts/,
    why: 'sethostname gives the kernel a word, no address. Whoever looks the hostname up, as many programs do for themselves, needs a line in /etc/hosts.',
    shows: (_run, finding) => /own hostname (has no address|leads somewhere else)/.test(finding.actual),
  },
  {
    slug: 'no-nameserver',
    checks: ['network.7'],
    line: /resolv/,
    why: 'The kernel knows addresses only. Names are looked up by the program itself: it asks the nameserver that /etc/resolv.conf names. In the container that file is missing or names none, so the program asked itself, where nobody listens.',
    shows: (_run, finding) => !(finding.evidence ?? []).some((line) => /nameserver/.test(line)),
  },
  {
    slug: 'taken-away-from-the-others',
    checks: ['network.8'],
    man: 'ip-link(8)',
    line: /^\s+.*removeBridge\(|link delete \$\{bridge\}|delete table/,
    why: 'The container that ended took away what belongs to all: the bridge, the rules or the forwarding. Others were still using it.',
    shows: (_run, finding) => /no answer/.test(finding.actual),
  },
  {
    slug: 'host-rules-flushed',
    checks: ['network.9'],
    line: /flush/,
    why: 'The host’s own firewall was emptied. Whoever set it up relied on it. A table of your own stands beside theirs, and can be removed as a whole.',
    shows: (_run, finding) => /gone while it runs/.test(finding.actual),
  },
  {
    slug: 'forwarding-of-others',
    checks: ['network.9'],
    man: 'ip(7)',
    line: /Sync\(.*'0(\\n)?'\)|echo 0/,
    why: 'Forwarding was on before, for somebody else, and is off now: another runtime’s containers, or a VPN, are cut off. What was not changed must not be put back.',
    shows: (_run, finding) => finding.actual === 'net.ipv4.ip_forward was 1, and is 0',
  },
  {
    slug: 'remembered-by-the-dead',
    checks: ['network.10'],
    man: 'ip(7)',
    line: /^let |=== '[01]/,
    why: 'What the setting was before was known to one process, and that one was killed. The next one finds forwarding on, and takes that for the host’s own wish. Such a note belongs where it lives as long as the change.',
    shows: (_run, finding) => finding.actual === 'net.ipv4.ip_forward was 0, and is 1',
  },
  {
    slug: 'left-behind',
    checks: ['network.9'],
    line: /leaveNetwork\(id/,
    why: 'The last container has ended, and the host still has what was made for the containers: the bridge, the rules, forwarding.',
    // A box.ts that never came to its end could not clean up either, and that is another mistake.
    shows: (run, finding) => !run.timedOut && /^new |^net\.ipv4\.ip_forward was 0, and is 1/.test(finding.actual),
  },
  {
    slug: 'waits-for-ever',
    checks: ['network.10'],
    line: /=> contain\(|^\s+contain\(/,
    why: 'The child waits at a pipe for a word from its parent. The parent was killed, but the read does not end: the child itself still has a copy of the writing end.',
    shows: (_run, finding) => /killed while it makes the network, it leaves a process/.test(finding.actual),
  },
  {
    slug: 'pair-born-on-the-host',
    checks: ['network.10'],
    man: 'veth(4)',
    line: /type veth/,
    why: 'Both ends were on the host for a moment, and in that moment box.ts was killed. Such a pair belongs to no container and never ends by itself. As long as its end is plugged into the bridge, no later container takes itself for the last one, so the bridge, the rules and forwarding stay, too. An end that is born in the container’s network ends with it.',
    shows: (_run, finding) => (finding.evidence ?? []).some((line) => /^new interface: \S+ \(veth/.test(line)),
  },
];

/** The place in box.ts that had the command run: not those that hand it on. */
function callerOf(run: Run): TraceLine | true {
  const frames = [...run.stderr.matchAll(/^\s+at (?:(\S+) \()?(\S+?):(\d+):\d+\)?$/gm)];
  const frame = frames.find(
    ([, name = '', file]) => !/^(program|ip|nft)$/.test(name) && file!.endsWith(path.basename(run.file)),
  );
  if (frame === undefined) return true;
  const [, , file, line] = frame;
  return { ...nowhere, file: file!, line: Number(line) };
}

/** A place that no system call leads to, in the form of one. */
const nowhere: TraceLine = {
  time: 0,
  pid: 0,
  process: '0',
  call: 'ip',
  args: [],
  phase: 'done',
  result: null,
  errno: null,
  file: null,
  line: null,
  note: null,
};

/** The rules that the host did not have before. */
function newRules(run: Run): string {
  const known = new Set(run.before.network?.rules.split('\n'));
  return (run.during?.host.network?.rules ?? '')
    .split('\n')
    .filter((line) => !known.has(line))
    .join('\n');
}
