// What must be true of the bonus level about images in layers.
import { grade } from '#grading';
import { type ExampleImage, exampleImages, MANY, up } from '#grading/example-images';
import { type Finding, findCall, showCalls, showEnd } from '#grading/finding';
import { optionOf } from '#grading/inside';
import { misconceptions } from '#grading/misconceptions/bonus-images';
import { ownArchitecture } from '#grading/oci-image';
import { programEnvironment } from '#grading/program-environment';
import { choices } from '#grading/random';
import type { Run } from '#grading/run';
import { holdStill, type Scenario } from '#grading/scenario';
import { probes, said, secret, secretFile } from '#grading/tour';

const { pickNumber, randomWord } = choices('bonus-images');
const { scenario, check } = grade('bonus-images', misconceptions);

const images = exampleImages({
  word: (of) => `${of}-${randomWord()}`,
  ids: { uid: pickNumber(2001, 20_000), gid: pickNumber(20_001, 40_000), otherGid: pickNumber(40_001, 60_000) },
});
const { user, uid, gid, otherGid, releases, appConfig, lastWord, escapes } = images.facts;

/** What is to be seen in an image of these layers. */
const looks = {
  release: 'cat /etc/release',
  'only second': 'cat /opt/only-second',
  deleted: 'for f in /gone /gone-file /var/tmp; do [ -e $f ] && echo $f; done',
  data: 'ls -A /data',
  again: 'ls -A /again',
  markers: "find / -xdev -name '.wh.*'",
  'mode of var': 'stat -c %a /var',
  links: 'stat -c "%h %i" /opt/one /opt/two',
  'for all': 'stat -c %a /opt/for-all',
  'set-uid': 'stat -c %a:%u:%g /opt/set-uid',
  'set-gid': 'stat -c %a:%u:%g /opt/set-gid',
  'set-gid directory': 'stat -c %a /opt/set-gid-directory',
  absolute: 'readlink /opt/absolute',
  saved: 'echo $SAVED',
};

const inspecting = ({ name, files }: ExampleImage): Pick<Scenario, 'args' | 'files'> => ({
  args: ['-i', name, '/bin/sh', '-c', probes(looks)],
  files,
});
const layeredWord = `hold-${randomWord()}`;
const first = scenario({
  host: 'images',
  args: ['-i', images.layered.name, '/bin/sh', '-c', holdStill(layeredWord, probes(looks))],
  holdWord: layeredWord,
  files: images.layered.files,
  reproduce: '-i layered cat /etc/release',
});

const forTwo = scenario({
  host: 'images',
  args: ['-i', images.two.name, '/bin/sh', '-c', probes({ mark: 'cat /opt/mark' })],
  files: images.two.files,
  reproduce: '-i two cat /opt/mark',
});

/** Says what is to run, and shares layers with the first one. */
const ofApp = scenario({
  host: 'images',
  args: ['-i', images.app.name],
  holdWord: lastWord,
  files: images.app.files,
  reproduce: '-i app',
});
const typedWord = `hold-${randomWord()}`;
const asked = { uid: pickNumber(2001, 20_000), gid: pickNumber(20_001, 40_000) };
const typed = scenario({
  host: 'images',
  args: ['-i', images.app.name, '--user', `${asked.uid}:${asked.gid}`, '-e', 'CHANGED=by-me', 'typed', typedWord],
  holdWord: typedWord,
  reproduce: `-i app --user ${asked.uid}:${asked.gid} -e CHANGED=by-me typed`,
});

const savedRun = scenario({ host: 'saved', ...inspecting(images.saved), reproduce: '-i saved cat /etc/release' });
const manyRun = scenario({
  host: 'saved',
  args: ['-i', images.many.name, '/bin/sh', '-c', probes({ many: 'ls /many | wc -l' })],
  files: images.many.files,
  reproduce: '-i many ls /many',
  // A slow machine has to unpack for longer than usual.
  limit: 120,
});

/** A word that is seen where an image was used that must not be. */
const usedWord = `used-${randomWord()}`;
const mustNotRun = (host: string, { name, files }: ExampleImage, shownAs: string): Scenario => ({
  host,
  args: ['-i', name, '/bin/echo', usedWord],
  files,
  reproduce: `-i ${shownAs} echo used`,
});
const savedChanged = scenario(mustNotRun('saved', images.changedSave, 'changed-save'));
const tampered = Object.entries(images.tampered).map(([what, image]) => ({
  what,
  planned: scenario(mustNotRun('digests', image, image.name.replace(/-[^-]*$/, ''))),
}));
/** Whatever the first try left behind. */
const again = scenario({ ...tampered[0]!.planned.scenario });
/** Whoever believes its config has the wrong layer for the image after it. */
const liarRun = scenario({
  host: 'digests',
  args: ['-i', images.liar.name, '/bin/true'],
  files: images.liar.files,
  reproduce: '-i liar true',
});
const intactRun = scenario({ host: 'digests', ...inspecting(images.intact), reproduce: '-i intact cat /etc/release' });

const evil = ({ name, files }: ExampleImage, shownAs: string, ...command: string[]): Scenario => ({
  host: 'evil',
  args: ['-i', name, ...command],
  files: { ...files, [secretFile]: { text: `${secret}\n`, mode: 0o644 } },
  reproduce: `-i ${shownAs} ${command[0]}`,
});
const climberRun = scenario(evil(images.climber, 'climber', '/bin/true'));
const pointerRun = scenario(evil(images.pointer, 'pointer', '/bin/cat', secretFile));
const workerRun = scenario(evil(images.worker, 'worker', '/bin/pwd'));

/** The layers of the command's root, the topmost first. */
function layersOf(run: Run): string[] {
  const root = run.during?.commands[0]?.mounts.findLast(({ mountPoint }) => mountPoint === '/');
  const lowerdir = root === undefined ? null : optionOf(root, 'lowerdir');
  return lowerdir === null ? [] : lowerdir.split(':').map((layer) => `lowerdir: ${layer}`);
}

function overlayCall(run: Run): Run['trace'][number] | undefined {
  return findCall(run, 'mount', ({ args }) => args[2] === '"overlay"');
}

/** The finding where the command did not come to answer. */
function unanswered(run: Run, probe: string, expected: string): Finding | undefined {
  if (said(run, probe) !== null) return undefined;
  return { expected, actual: `the command never ran: ${showEnd(run)}`, seenIn: run };
}

/** The first probe whose answer is another one. */
function difference(run: Run, wanted: Readonly<Record<string, string>>): Finding | undefined {
  for (const [probe, answer] of Object.entries(wanted)) {
    const look = looks[probe as keyof typeof looks];
    const missing = unanswered(run, probe, `an answer from ${look}`);
    if (missing !== undefined) return missing;
    const found = said(run, probe)!;
    if (found === answer) continue;
    return {
      expected: `${look}: ${answer === '' ? '(nothing)' : answer}`,
      actual: found === '' ? 'it printed nothing' : `it printed: ${found}`,
      evidence: layersOf(run),
      at: overlayCall(run),
      seenIn: run,
      reproduce: `${/^-i \S+/.exec(run.scenario.reproduce)![0]} sh -c '${look}'`,
    };
  }
  return undefined;
}

check('images.1', 'its / shows all layers of the image, the topmost on top', {
  of: first,
  why: 'An image is a list of layers, from the lowest to the topmost. Where two have a file of the same name, the upper one counts. Overlay takes any number of lower directories, and the first that it is given is the topmost.',
  man: 'mount(2)',
  holds: (run) => difference(run, { release: releases[2]!, 'only second': 'here' }),
});

check('images.2', 'what is not as its digest says is not used', {
  of: intactRun,
  and: [...tampered.map(({ planned }) => planned), again, liarRun],
  needs: ['images.1'],
  shownBy: ({ scenario }) =>
    scenario === again.scenario ? 'box run -i changed-layer echo used; box run -i changed-layer echo used' : undefined,
  why: "The index names the manifest by its digest, the manifest names the config and the layers. Each of them can be somebody else's work: a broken disk, a registry, a man in the middle. Only who computes every digest anew knows that it is what was asked for.",
  man: 'sha256sum(1)',
  holds(run) {
    for (const { what, planned } of tampered) {
      const finding = mustRefuse(planned.run!, `${what} is another one than its digest says`);
      if (finding !== undefined) return finding;
    }
    const secondTime = mustRefuse(again.run!, 'the topmost layer is still another one, at the second try');
    if (secondTime !== undefined) return secondTime;
    const finding = difference(run, { release: releases[0]!, 'only second': 'here' });
    if (finding === undefined) return undefined;
    const expected = `of an image that is as its digests say: ${finding.expected}`;
    const evidence = [
      `before: run ${liarRun.scenario.reproduce}: ${showEnd(liarRun.run!)}`,
      ...(finding.evidence ?? []),
    ];
    return { ...finding, expected, evidence };
  },
});

/** What is wrong with how an image was refused that is not what it says. */
function mustRefuse(run: Run, what: string): Finding | undefined {
  const expected = `where ${what}: status 125, and no command`;
  const seenIn = run;
  if (run.stdout.includes(usedWord)) return { expected, actual: 'the command ran', seenIn };
  if (run.exitCode === 125 && run.stderr.trim() !== '') return undefined;
  return { expected, actual: showEnd(run), seenIn };
}

check('images.3', 'what a layer deletes is gone, and of a directory made anew nothing old is seen', {
  of: first,
  needs: ['images.1'],
  why: 'A layer can only add files. So a deletion is a file, too, named .wh. and what is deleted; and .wh..wh..opq hides all that lower layers have in a directory. Overlay has other marks for the same: a character device 0/0, and an attribute of the directory.',
  man: 'setxattr(2)',
  holds: (run) => difference(run, { deleted: '', data: 'new', again: 'fresh', markers: '', 'mode of var': '755' }),
});

check('images.4', 'links, owners and modes are as in the layer, and device nodes are left out', {
  of: first,
  needs: ['images.1'],
  why: 'Programs rely on all of it: a set-user-ID program without its bit does nothing, a file that everybody may write to belongs to root alone, and two hard links that became two files go separate ways.',
  man: 'chown(2)',
  holds(run) {
    const missing = unanswered(run, 'links', 'files of the image to look at');
    if (missing !== undefined) return missing;
    const links = said(run, 'links')!.split(' ');
    if (links[0] !== '2' || links[1] !== links[3]) {
      return {
        expected: '/opt/one and /opt/two, two names of one file',
        actual: `number of names and inode: ${links.join(' ')}`,
      };
    }
    const device = run.images.find(
      ({ type, major, minor }) => type.endsWith('device') && !(major === 0 && minor === 0),
    );
    if (device !== undefined) {
      return { expected: 'no device node in an unpacked layer', actual: `${device.path} is one` };
    }
    return difference(run, {
      absolute: '/opt/only-second',
      'for all': '666',
      'set-uid': `4755:${uid}:${gid}`,
      'set-gid': `2755:0:${gid}`,
      'set-gid directory': '2755',
    });
  },
});

check('images.5', 'a layer is unpacked once, for all images that have it', {
  of: ofApp,
  and: [first],
  needs: ['images.1'],
  shownBy: 'box run -i layered true; box run -i app true; find $BOXWRIGHT_HOME/images -name busybox',
  why: 'Most images are built on a few others. A layer is known by its digest, so it is clear that two images mean the same one, whatever they are called.',
  man: 'mount(8)',
  holds(run) {
    const anew = run.images.filter(({ path, type }) => type === 'file' && path.endsWith('/bin/busybox'));
    if (anew.length === 0) return undefined;
    return {
      expected: 'that the second image uses the layer which was unpacked for the first one',
      actual: `it was unpacked anew: images/${anew[0]!.path}`,
    };
  },
});

check('images.6', 'no entry of an image leads out of its layer', {
  of: climberRun,
  and: [pointerRun],
  needs: ['images.1'],
  why: 'An archive may hold names such as ../../etc/passwd, and links that lead anywhere. box.ts unpacks it as root of the host, so it would write there. A process that has the layer for its / cannot be led out of it.',
  man: 'chroot(2)',
  holds(run) {
    for (const word of [escapes[0]!, escapes[1]!]) {
      const found = run.changedFiles.find((path) => path.includes(word));
      if (found === undefined) continue;
      return {
        expected: 'that unpacking an image makes no file of the host',
        actual: `${found} was made`,
        evidence: [`in the layer: ${word === escapes[0] ? `lead -> /, and lead/${word}` : `${up}${word}`}`],
      };
    }
    if (!pointerRun.run!.stdout.includes(secret)) return undefined;
    return {
      expected: 'that a layer with a path for a digest is refused',
      actual: `the command read the host's ${secretFile}`,
      evidence: [`the digest of the layer: sha256:${up.slice(0, -1)}`],
      seenIn: pointerRun.run!,
    };
  },
});

/** What the image's program printed of its arguments, and of one of its variables. */
const wordsOf = (run: Run): string[] => [...run.stdout.matchAll(/^\[(.*)\]$/gm)].map(([, word]) => word!);
const variableOf = (run: Run, name: string): string | undefined =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(run.stdout)?.[1];

check('images.7', 'of an image for several machines the one for this machine is used', {
  of: forTwo,
  needs: ['images.1'],
  why: 'The same name can stand for images of several architectures. An index then names a manifest for each, and their order says nothing.',
  man: 'uname(2)',
  holds(run) {
    const expected = `the image for linux on ${ownArchitecture}, as the index calls it`;
    const mark = said(run, 'mark');
    if (mark === null) return { expected, actual: `the command never ran: ${showEnd(run)}` };
    return mark === 'own' ? undefined : { expected, actual: `/opt/mark is of the image for another machine: ${mark}` };
  },
});

check('images.8', "the image's Entrypoint, Cmd and Env are what runs, and what was typed comes in its place", {
  of: ofApp,
  and: [typed],
  needs: ['images.1'],
  why: "Who makes an image knows what it is for: the program (Entrypoint), its usual arguments (Cmd) and its variables (Env). Words that are typed take the place of Cmd, and variables those of Env. Nothing of the host's environment is meant for it.",
  man: 'environ(7)',
  holds(run) {
    for (const [one, words, byWhom] of [
      [run, ['entry point', ...appConfig.Cmd], 'by-the-image'],
      [typed.run!, ['entry point', 'typed', typedWord], 'by-me'],
    ] as const) {
      const expected = `start ${words.map((word) => JSON.stringify(word)).join(' ')}`;
      const found = wordsOf(one);
      if (found.length === 0) {
        return { expected, actual: `it never ran: ${showEnd(one)}`, seenIn: one };
      }
      if (found.join('|') !== words.join('|')) {
        return { expected, actual: `its arguments are ${JSON.stringify(found)}`, seenIn: one };
      }
      for (const [name, value] of [
        ['PATH', '/opt/bin:/bin:/usr/bin'],
        ['GREETING', appConfig.Env[1]!.slice('GREETING='.length)],
        ['CHANGED', byWhom],
      ] as const) {
        const is = variableOf(one, name);
        if (is === value) continue;
        return {
          expected: `${name}=${value}`,
          actual: is === undefined ? `there is no ${name}` : `it is ${is}`,
          seenIn: one,
        };
      }
      const ofHost = Object.keys(programEnvironment()).filter((name) => !['PATH', 'HOME'].includes(name));
      const leaked = ofHost.find((name) => variableOf(one, name) !== undefined);
      if (leaked !== undefined) {
        return { expected: "no variable of the host's", actual: `${leaked} is there`, seenIn: one };
      }
    }
    return undefined;
  },
});

check('images.9', "it runs in the image's WorkingDir, as the image's User", {
  of: ofApp,
  and: [typed, workerRun],
  needs: ['images.8'],
  why: 'The name of a user means something only together with a file passwd, and here that of the image is meant: the numbers, the group, and the other groups in which this user is. All of it is looked up when the root is the image, and done while the process is still root.',
  man: 'passwd(5)',
  holds(run) {
    for (const [one, ids] of [
      [run, [uid, gid, [gid, otherGid]]],
      [typed.run!, [asked.uid, asked.gid, []]],
    ] as const) {
      const command = one.during?.commands[0];
      const expected = `uid ${ids[0]}, gid ${ids[1]}, groups ${ids[2].join(', ') || 'none'}`;
      if (command === undefined) {
        return { expected, actual: `the command never ran: ${showEnd(one)}`, seenIn: one };
      }
      const groups = [...new Set(command.groups.filter((group) => group !== ids[1]))];
      const wanted = ids[2].filter((group) => group !== ids[1]);
      if (command.uids[0] !== ids[0] || command.gids[0] !== ids[1] || groups.join() !== wanted.join()) {
        return {
          expected,
          actual: `uid ${command.uids[0]}, gid ${command.gids[0]}, groups ${command.groups.join(', ') || 'none'}`,
          evidence: showCalls(one.trace.filter(({ call }) => /^set[ug]id$|^setgroups$/.test(call))),
          at: findCall(one, 'setuid'),
          seenIn: one,
        };
      }
      const home = variableOf(one, 'HOME');
      if (one === run && home !== `/home/${user}`) {
        return { expected: `HOME=/home/${user}, as its /etc/passwd says`, actual: `HOME is ${home}`, seenIn: one };
      }
      const where = /^in=(\S*)/m.exec(one.stdout)?.[1];
      if (where === appConfig.WorkingDir) continue;
      return { expected: `that it starts in ${appConfig.WorkingDir}`, actual: `it starts in ${where}`, seenIn: one };
    }
    const made = workerRun.run!.changedFiles.find((path) => path.includes(escapes[2]!));
    if (made === undefined) return undefined;
    return {
      expected: 'that the working directory is made in the container',
      actual: `${made} was made on the host`,
      evidence: [`in the image: lead -> /, and WorkingDir is /lead/${escapes[2]}`],
      seenIn: workerRun.run!,
    };
  },
});

check('images.10', 'an archive of docker save is an image, too', {
  of: savedRun,
  and: [savedChanged],
  needs: ['images.1'],
  why: 'docker save writes another order of things: a manifest.json that names files, and a config that has the digests of the layers as they are before they are compressed.',
  man: 'tar(1)',
  holds(run) {
    return (
      difference(run, { release: releases[2]!, deleted: '', data: 'new', saved: 'yes' }) ??
      mustRefuse(savedChanged.run!, 'a layer of the archive is another one than the config says')
    );
  },
});

check('images.11', `an image may have ${MANY} layers and one`, {
  of: manyRun,
  needs: ['images.1'],
  why: 'The kernel takes one page of data for a mount, 4096 bytes, and cuts off what is longer without a word. With long names that is not many layers.',
  man: 'mount(2)',
  holds(run) {
    const expected = `${MANY} files, one from each layer`;
    const missing = unanswered(run, 'many', expected);
    if (missing !== undefined) {
      const call = overlayCall(run);
      return {
        ...missing,
        at: call,
        evidence: [...(call === undefined ? [] : [`the data has ${call.args[4]!.length - 2} bytes`])],
      };
    }
    const found = said(run, 'many');
    return found === String(MANY) ? undefined : { expected, actual: `it has ${found}`, at: overlayCall(run) };
  },
});
