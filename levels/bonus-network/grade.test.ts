// What must be true of the bonus level about networks.
import { isDeepStrictEqual } from 'node:util';
import { grade } from '#grading';
import { type Finding, showEnd, showStderr } from '#grading/finding';
import { misconceptions } from '#grading/misconceptions/bonus-network';
import { addressesOf, type Interface, type NetworkFacts, outside } from '#grading/network';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { probes, said } from '#grading/tour';

const { randomWord } = choices('bonus-network');
const { scenario, check } = grade('bonus-network', misconceptions);

/** A shell function: the very first packets may be lost while the kernel switches interfaces on. */
const answersTo =
  'answers() { for i in 1 2 3 4 5; do ping -c 1 -W 1 "$1" > /dev/null 2>&1 && echo yes && return; done; echo no; }';
const settings = { addresses: 'ip -o -f inet address', routes: 'ip route' };
const gateway = "$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p')";
const wayOut = { 'by address': `nc -w 5 ${outside.address} 80 < /dev/null`, gateway: `answers ${gateway}` };

const firstWord = `hold-${randomWord()}`;
const secondWord = `hold-${randomWord()}`;

/** A second container, which comes and goes while the first one runs. */
const second: Scenario = {
  args: ['-i', 'busybox', '/bin/sh', '-c', holdStill(secondWord, probes(settings))],
  holdWord: secondWord,
  network: { forwards: false },
  reproduce: `sh -c 'ip address; ip route'`,
};
const first = scenario({
  host: 'network',
  args: [
    '-i',
    'busybox',
    '/bin/sh',
    '-c',
    holdStill(
      firstWord,
      `${answersTo}\n${probes({
        ...settings,
        localhost: 'answers 127.0.0.1',
        ...wayOut,
        'by name': `nslookup ${outside.name}`,
        'name localhost': 'answers localhost',
        'own name': 'answers "$(hostname)"; ping -c 1 -W 1 "$(hostname)" | head -1',
        'resolv.conf': 'cat /etc/resolv.conf',
      })}`,
      `${answersTo}\n${probes({ 'afterwards, by address': wayOut['by address'], 'afterwards, gateway': wayOut.gateway, 'afterwards, localhost': 'answers 127.0.0.1' })}`,
    ),
  ],
  holdWord: firstWord,
  meanwhile: second,
  network: { forwards: false },
  // Where nobody answers, each of the questions waits for seconds.
  limit: 40,
  reproduce: `sh -c 'ip address; ip route; cat /etc/hosts /etc/resolv.conf'`,
});
const neighbour = scenario(second);

/** A host that hands packets on already, as every machine with another container runtime does. */
const onRouter = scenario({
  host: 'router',
  args: ['-i', 'busybox', '/bin/true'],
  network: { forwards: true },
  reproduce: '/bin/true',
});

/** On this host ip(8) does what a file says. */
const ip = `case $(cat /ip-does 2> /dev/null) in
slow) sleep 0.2 ;;
meet)
  # Where two may look at the same time, both have looked before one goes on.
  mkdir -p /met
  if mkdir "/met/$PPID" 2> /dev/null; then
    "$ip" "$@"
    status=$?
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
      [ "$(ls /met | wc -l)" -lt 2 ] || break
      sleep 0.1
    done
    exit $status
  fi ;;
fail) echo 'RTNETLINK answers: Operation not supported' >&2; exit 2 ;;
kill)
  if "$ip" -o link show type veth | grep -v -q uplink; then
    rm /ip-does
    pid=$PPID
    while [ "$pid" -gt 1 ] && [ "$(basename "$(readlink "/proc/$pid/exe")")" != node ]; do
      pid=$(cut -d ' ' -f 4 "/proc/$pid/stat")
    done
    if [ "$pid" -gt 1 ]; then kill -KILL "$pid"; exit 1; fi
  fi ;;
esac
exec "$ip" "$@"`;
const mishap = (
  what: string,
  more: Pick<Scenario, 'holdWord' | 'meanwhile' | 'crowd'> & { script: string },
): Scenario => ({
  host: 'network-mishaps',
  args: ['-i', 'busybox', '/bin/sh', '-c', more.script],
  ...(more.holdWord !== undefined && { holdWord: more.holdWord }),
  ...(more.meanwhile !== undefined && { meanwhile: more.meanwhile }),
  crowd: more.crowd ?? 0,
  files: { '/ip-does': { text: what, mode: 0o644 } },
  network: { forwards: false, ip },
  reproduce: `sh -c 'ip address; ip route'`,
});
const slowWord = `hold-${randomWord()}`;
const slow = scenario(
  mishap('slow', {
    script: holdStill(slowWord, probes(settings), 'sleep 1000'),
    holdWord: slowWord,
    meanwhile: 'kill-runtime',
  }),
);
const crowdWord = `hold-${randomWord()}`;
const together = scenario(
  mishap('meet', { script: holdStill(crowdWord, probes(settings)), holdWord: crowdWord, crowd: 1 }),
);
const impossible = scenario(mishap('fail', { script: probes(settings) }));
const killedEarly = scenario(mishap('kill', { script: 'sleep 1' }));
const afterCrashes = scenario(mishap('', { script: 'true' }));

/** An interface in a line: `eth0 (veth, up) 10.0.0.2/24`. */
const shown = ({ name, kind, up, addresses }: Interface): string =>
  [`${name} (${kind === '' ? '' : `${kind}, `}${up ? 'up' : 'down'})`, ...addresses].join(' ');
const inIt = (run: Run): string[] => (run.during?.network?.interfaces ?? []).map((each) => `in it: ${shown(each)}`);

/** The finding where no command was there to be looked at; otherwise what `look` finds. */
function looking(
  run: Run,
  expected: string,
  look: (network: NetworkFacts) => Finding | undefined,
): Finding | undefined {
  const command = run.during?.commands[0];
  if (command === undefined) {
    return { expected, actual: `the command never ran: ${showEnd(run)}` };
  }
  const network = run.during!.network;
  if (network === null) return { expected, actual: 'it is in the network of the host' };
  return look(network);
}

/** The end of a pair in a container, and its other end on the host. */
function pairOf(run: Run, own: NetworkFacts): { inner: Interface; outer: Interface } | undefined {
  const outers = run.during!.host.network!.interfaces;
  return own.interfaces
    .filter(({ kind, up }) => kind === 'veth' && up)
    .flatMap((inner) => {
      const outer = outers.find(({ index, peerIndex }) => index === inner.peerIndex && peerIndex === inner.index);
      return outer === undefined ? [] : [{ inner, outer }];
    })[0];
}

/** Whether an address (`10.0.0.2`) is in the network of another one (`10.0.0.1/24`). */
function isWithin(address: string, network: string): boolean {
  const number = (of: string): number => of.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base = '', length = '32'] = network.split('/');
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

check('network.1', 'localhost answers in it', {
  of: first,
  why: 'A new network namespace has one interface, lo, and that one is down. Until somebody sets it up, not even a program and its own helper can talk to each other over 127.0.0.1.',
  man: 'network_namespaces(7)',
  holds(run) {
    const expected = 'lo up, and an answer from 127.0.0.1';
    return looking(run, expected, ({ interfaces }) => {
      const lo = interfaces.find(({ name }) => name === 'lo');
      if (lo?.up !== true) return { expected, actual: 'lo is down', evidence: inIt(run) };
      if (said(run, 'localhost') === 'yes') return undefined;
      return { expected, actual: 'nothing answers on 127.0.0.1', evidence: inIt(run) };
    });
  },
});

check('network.2', 'a pair of interfaces leads from it into a bridge of the host', {
  of: first,
  needs: ['network.1'],
  why: 'What is sent into one end of a veth pair comes out at the other. One end must be in the container; the other one on the host, plugged into a bridge as into a switch. Both ends and the bridge have to be up.',
  man: 'veth(4)',
  holds(run) {
    const expected = 'a veth in it that is up, whose other end is up on the host, a port of a bridge that is up';
    return looking(run, expected, (own) => {
      const host = run.during!.host.network!.interfaces;
      const evidence = [...inIt(run), ...host.map((each) => `on the host: ${shown(each)}`)];
      const pair = pairOf(run, own);
      if (pair === undefined) {
        const down = own.interfaces.find(({ kind, up }) => kind === 'veth' && !up);
        return { expected, actual: down === undefined ? 'it has no such end' : `${down.name} is down`, evidence };
      }
      const bridge = host.find(({ name, kind }) => name === pair.outer.master && kind === 'bridge');
      const { outer } = pair;
      if (bridge === undefined) return { expected, actual: `${outer.name} is in no bridge`, evidence };
      const down = [outer, bridge].find(({ up }) => !up);
      return down === undefined ? undefined : { expected, actual: `${down.name} is down`, evidence };
    });
  },
});

check('network.3', 'it has an address and a default route; it and the host reach each other', {
  of: first,
  needs: ['network.2'],
  why: 'An interface without an address can send nothing. The container needs one of the network to which the address of the bridge belongs; and for all other addresses a default route, by way of the bridge.',
  man: 'ip-route(8)',
  holds(run) {
    const expected = "an address of the bridge's network, a default route through the bridge, and answers both ways";
    return looking(run, expected, (own) => {
      const { inner, outer } = pairOf(run, own)!;
      const bridge = run.during!.host.network!.interfaces.find(({ name }) => name === outer.master)!;
      const evidence = [...inIt(run), `on the host: ${shown(bridge)}`, ...own.routes.map((route) => `route: ${route}`)];
      if (inner.addresses.length === 0) return { expected, actual: `${inner.name} has no address`, evidence };
      if (bridge.addresses.length === 0) return { expected, actual: `${bridge.name} has no address`, evidence };
      const [address] = inner.addresses[0]!.split('/');
      if (!bridge.addresses.some((network) => isWithin(address!, network))) {
        return { expected, actual: `${address} is not in the network of ${bridge.name}`, evidence };
      }
      const via = own.routes.map((route) => /^default via (\S+)/.exec(route)?.[1]).find((route) => route !== undefined);
      if (via === undefined) return { expected, actual: 'it has no default route', evidence };
      if (!bridge.addresses.some((network) => network.startsWith(`${via}/`))) {
        return { expected, actual: `its default route leads to ${via}, which is not the bridge`, evidence };
      }
      if (said(run, 'gateway') !== 'yes') return { expected, actual: `${via} does not answer it`, evidence };
      if (run.during!.network!.answeredHost.includes(address!)) return undefined;
      return { expected, actual: `${address} does not answer the host`, evidence };
    });
  },
});

check('network.4', 'the command starts when its network is there: not before, and not without', {
  of: slow,
  and: [impossible],
  needs: ['network.3'],
  shownBy: ({ scenario }) =>
    scenario === impossible.scenario ? 'mount --bind /bin/false $(command -v ip); box run echo it ran' : undefined,
  why: 'The network is made by the parent, the command is started by the child, and both run at the same time. The child has to wait until it is told that all is done. Time tells it nothing: here ip took a fifth of a second longer each time.',
  man: 'pipe(7)',
  holds(run) {
    const expected = 'an address and a default route at its first instruction, also where ip(8) is slow';
    const addresses = said(run, 'addresses');
    const routes = said(run, 'routes');
    if (addresses === null) {
      return { expected, actual: `the command never ran: ${showEnd(run)}`, evidence: showStderr(run) };
    }
    if (!hasNetwork(run)) {
      return {
        expected,
        actual: 'they were not there yet',
        evidence: [`addresses: ${addresses}`, `routes: ${routes}`],
      };
    }
    const without = impossible.run!;
    if (hasNetwork(without)) return undefined;
    const told = {
      expected: 'where the network cannot be made: a message, status 125, and no command',
      evidence: ['ip: on this host it only fails', ...showStderr(without)],
      seenIn: without,
    };
    if (said(without, 'addresses') !== null) {
      return { ...told, actual: 'the command ran without a network' };
    }
    if (without.exitCode !== 125 || without.stderr.trim() === '') {
      return { ...told, actual: showEnd(without) };
    }
    return without.left.length === 0 ? undefined : { ...told, actual: 'a process of it is still there' };
  },
});

function hasNetwork(run: Run): boolean {
  const addresses = said(run, 'addresses') ?? '';
  return /inet (?!127\.)/.test(addresses) && /default via/.test(said(run, 'routes') ?? '');
}

check('network.5', 'two containers have addresses of their own, and reach each other', {
  of: neighbour,
  and: [together],
  needs: ['network.3'],
  shownBy: 'box run sleep 2 & box run ip address',
  why: 'Every interface of the host has a name of its own, and every container on a bridge an address of its own. Whoever comes later has to find out what is taken, and two who come at the same time must not find the same.',
  man: 'ip-address(8)',
  holds(run) {
    const expected = 'a second container with another address, and answers between the two';
    return looking(run, expected, (own) => {
      const mine = addressesOf(own);
      const theirs = addressesOf(first.run!.during!.network);
      const evidence = [`the first has ${theirs.join(', ')}`, `the second has ${mine.join(', ') || 'none'}`];
      const host = addressesOf(run.during!.host.network);
      const twice = mine.find((address) => theirs.includes(address) || host.includes(address));
      if (twice !== undefined) return { expected, actual: `${twice} is there twice`, evidence };
      if (mine.length === 0) return { expected, actual: 'the second has no address', evidence: showStderr(run) };
      const { neighbours, answered } = run.during!.network!;
      const silent = neighbours.filter((address) => !answered.includes(address));
      if (silent.length > 0) return { expected, actual: `${silent.join(', ')} does not answer`, evidence };
      return atOnce(together.run!);
    });
  },
});

/** Two that start at the same moment. */
function atOnce(run: Run): Finding | undefined {
  const expected = 'two containers that start at the same moment, with an address each';
  const network = run.during?.network;
  const all = [...addressesOf(network ?? null), ...(network?.neighbours ?? [])];
  if (new Set(all).size === 2 && run.exitCode === 0) return undefined;
  return {
    expected,
    actual: all.length === 2 && all[0] === all[1] ? `both have ${all[0]}` : 'one of them did not get so far',
    evidence: showStderr(run),
  };
}

check('network.6', 'it reaches whom the host reaches, who take it for the host', {
  of: first,
  needs: ['network.3'],
  why: 'Nobody outside knows where the addresses of a bridge are. So the host has to hand packets on, which machines do not do unless told to; and to send them under its own address, so that answers come back to it.',
  man: 'nft(8)',
  holds(run) {
    const expected = `that ${outside.address}, outside, answers it, and saw ${outside.host}, the host`;
    const heard = said(run, 'by address') ?? '';
    if (heard === `you are ${outside.host}`) return undefined;
    const { forwards, rules } = run.during!.host.network!;
    return {
      expected,
      actual: heard === '' ? 'no answer' : heard,
      evidence: [`on the host: net.ipv4.ip_forward = ${forwards ? 1 : 0}`, ...newLines(run, rules)],
    };
  },
});

/** The rules that the host did not have before. */
function newLines(run: Run, rules: string): string[] {
  const known = new Set(run.before.network!.rules.split('\n'));
  const lines = rules.split('\n').filter((line) => !known.has(line) && line.trim() !== '');
  return lines.map((line) => `new rule: ${line.trim()}`);
}

check('network.7', 'it can look up names: its own, localhost, and those of the outside', {
  of: first,
  needs: ['network.6'],
  why: 'Programs look up names in two files: /etc/hosts has some with their addresses, /etc/resolv.conf says whom to ask for all others. The files of the image know neither this container nor this network; and a 127.0.0.53 in the host’s file means the host’s own localhost, which is not that of the container.',
  man: 'resolv.conf(5)',
  holds(run) {
    const expected = 'answers from its own hostname, from localhost, and from a name of the outside';
    const resolvConf = said(run, 'resolv.conf') ?? '';
    const own = said(run, 'own name') ?? '';
    const [address = ''] = addressesOf(run.during!.network);
    const evidence = [`resolv.conf: ${resolvConf}`, `ping of its hostname: ${own}`];
    if (said(run, 'name localhost') !== 'yes') return { expected, actual: 'localhost has no address', evidence };
    if (!own.startsWith('yes')) return { expected, actual: 'its own hostname has no address', evidence };
    if (!own.includes(`(${address})`) && !own.includes('(127.')) {
      return { expected, actual: 'its own hostname leads somewhere else', evidence };
    }
    if (/nameserver\s+127\./.test(resolvConf)) {
      return { expected, actual: 'it asks a nameserver on 127.…, where nobody listens in it', evidence };
    }
    const heard = said(run, 'by name') ?? '';
    if (heard.includes(outside.named)) return undefined;
    return { expected, actual: `${outside.name} was not found: ${heard}`, evidence };
  },
});

check('network.8', 'the end of one container leaves the others their network', {
  of: first,
  needs: ['network.5', 'network.6'],
  shownBy: 'box run sh -c "sleep 2; ip route; ping -c 1 10.200.7.1" & box run true; wait',
  why: 'Bridge, rules and forwarding belong to all containers. Whoever leaves takes away what is its own, and the rest only if nobody else is left.',
  man: 'ip-link(8)',
  holds(run) {
    const expected = `answers from the host and from ${outside.address} after the second container has ended`;
    const heard = said(run, 'afterwards, by address');
    if (heard === `you are ${outside.host}` && said(run, 'afterwards, gateway') === 'yes') return undefined;
    const after = neighbour.run?.after.network;
    return {
      expected,
      actual:
        heard === null ? `it did not come to that: ${showEnd(run)}` : `no answer${heard === '' ? '' : `: ${heard}`}`,
      evidence: [
        ...(after?.interfaces ?? []).map((each) => `on the host then: ${shown(each)}`),
        `on the host then: net.ipv4.ip_forward = ${after?.forwards ? 1 : 0}`,
      ],
    };
  },
});

/** Shows what box.ts changes on the host. */
const look = 'ip -br link; cat /proc/sys/net/ipv4/ip_forward';

check('network.9', 'after the last one the host has the interfaces, routes and rules that it had', {
  of: first,
  and: [onRouter],
  needs: ['network.3'],
  shownBy: ({ scenario: { host } }) =>
    host === 'router'
      ? 'echo 1 > /proc/sys/net/ipv4/ip_forward; box run true; cat /proc/sys/net/ipv4/ip_forward'
      : `nft add table inet mine; ${look}; box run true; ${look}; nft list ruleset`,
  why: 'What a program changes on somebody’s machine it puts back: not to what it thinks is usual, but to what was there. A firewall that somebody has set up is never touched at all.',
  man: 'nft(8)',
  holds(run) {
    const during = run.during!.host.network!;
    const lost = linesOf(run.before.network!.rules).filter((line) => !linesOf(during.rules).includes(line));
    if (lost.length > 0) {
      return {
        expected: "the host's own rules as they were, while a container runs and afterwards",
        actual: `they are gone while it runs`,
        evidence: lost.map((line) => `missing: ${line.trim()}`).slice(0, 6),
      };
    }
    return unlike(run, run) ?? unlike(onRouter.run!, onRouter.run!);
  },
});

const linesOf = (rules: string): string[] => rules.split('\n').filter((line) => line.trim() !== '');

/** What is different on a host: before the one run, and after another one or the same. */
function unlike(first: Run, last: Run): Finding | undefined {
  const [before, after] = [first.before.network!, last.after.network!];
  const evidence: string[] = [];
  const compare = (what: string, old: readonly string[], now: readonly string[]): void => {
    for (const line of now) if (!old.includes(line)) evidence.push(`new ${what}: ${line.trim()}`);
    for (const line of old) if (!now.includes(line)) evidence.push(`missing ${what}: ${line.trim()}`);
  };
  compare('interface', before.interfaces.map(shown), after.interfaces.map(shown));
  compare('route', before.routes, after.routes);
  compare('rule', linesOf(before.rules), linesOf(after.rules));
  if (before.forwards !== after.forwards) {
    evidence.push(`net.ipv4.ip_forward was ${before.forwards ? 1 : 0}, and is ${after.forwards ? 1 : 0}`);
  }
  if (evidence.length === 0 && isDeepStrictEqual(before.routes, after.routes)) return undefined;
  return {
    expected: 'the host as it was before',
    actual: evidence[0] ?? 'its routes are in another order',
    evidence,
    seenIn: first,
  };
}

check('network.10', 'nor does a killed box.ts leave anything that the next one does not remove', {
  of: slow,
  and: [killedEarly, afterCrashes],
  needs: ['network.9'],
  shownBy: 'box run sleep 5 & sleep 2; kill -KILL $!; box run true; ip -br link; cat /proc/sys/net/ipv4/ip_forward',
  why: 'A program that is killed cleans nothing up. What ends by itself is what belongs to the container’s own network namespace; and who waits at a pipe is woken when nobody can write to it any more. For all else, whoever comes next has to see what was there before.',
  man: 'pipe(7)',
  holds(run) {
    const expected = 'that a container ends with its box.ts, and its interfaces with it';
    const early = killedEarly.run!;
    const waiting = early.signal === 'SIGKILL' ? early.left : [];
    for (const [left, when] of [
      [run.left, 'while its command runs'],
      [waiting, 'while it makes the network'],
    ] as const) {
      if (left.length === 0) continue;
      return {
        expected,
        actual: `killed ${when}, it leaves a process`,
        evidence: left.map(({ argv, sleepsIn }) => `${argv.join(' ').slice(0, 60)}, in system call ${sleepsIn}`),
      };
    }
    const ends = run.after.network!.interfaces.filter(({ kind, name }) => kind === 'veth' && name !== 'uplink');
    if (ends.length > 0) {
      return {
        expected,
        actual: 'killed while its command runs, it leaves an interface',
        evidence: ends.map((each) => `on the host: ${shown(each)}`),
      };
    }
    return unlike(run, afterCrashes.run!);
  },
});
