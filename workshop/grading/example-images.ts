// Images in layers, as the grader of bonus-images runs them and as students find them in the folder of images.
import fs from 'node:fs';
import type { ArchiveEntry } from '../images/archive.ts';
import { imagePath } from '../images/image.ts';
import {
  type Blob,
  digestOf,
  type Files,
  type ImageConfig,
  type Layout,
  layerOf,
  layoutFiles,
  layoutForTwo,
  layoutOf,
  savedFiles,
} from './oci-image.ts';

/** What differs between those of the grader, which no program can know, and those that students see. */
export type Choices = {
  /** A word for what is named: the thing itself where it need not be unknown. */
  word: (of: string) => string;
  /** Ids of a user and of two groups. */
  ids: { uid: number; gid: number; otherGid: number };
};

/** An image in the folder of images, with its files. */
export type ExampleImage = { name: string; files: Files };

const directory = (path: string, mode = 0o755): ArchiveEntry => ({ kind: 'directory', path, mode });
const file = (
  path: string,
  content: string,
  more: { mode?: number; uid?: number; gid?: number } = {},
): ArchiveEntry => ({ kind: 'file', path, mode: 0o644, ...more, content });

/** Prints its arguments, where it is, as whom, and its variables. Whoever says hold- can then look at it. */
const start = `#!/bin/sh
printf '[%s]\\n' "$@"
echo "in=$PWD"
echo "ids=$(id -u):$(id -g):$(id -G)"
env
for word; do :; done
case "$word" in hold-*) echo "$word"; read -r _ ;; esac
`;

/** How many layers an image of many has above the lowest one. */
export const MANY = 50;

/** Leads from any directory to the root. */
export const up = '../'.repeat(12);

/** Makes them all. */
export function exampleImages({ word, ids: { uid, gid, otherGid } }: Choices) {
  const user = word('somebody');
  const releases = ['second', 'third', 'fourth'].map(word);
  const release = (index: number): ArchiveEntry[] => [directory('etc'), file('etc/release', `${releases[index]}\n`)];
  const small = (mark: string): ArchiveEntry[] => [directory('opt'), file('opt/mark', `${mark}\n`)];

  /** All of busybox, as the archive of the other levels has it. */
  const base = layerOf(fs.readFileSync(imagePath('busybox')), { compressed: false });
  const second = layerOf([
    ...release(0),
    file('etc/passwd', `root:x:0:0:root:/root:/bin/sh\n${user}:x:${uid}:${gid}::/home/${user}:/bin/sh\n`),
    file('etc/group', `root:x:0:\n${user}:x:${gid}:\nothers:x:${otherGid}:nobody,${user}\n`),
    directory('opt'),
    directory('opt/bin'),
    file('opt/bin/start', start, { mode: 0o755 }),
    file('opt/only-second', 'here\n'),
    file('opt/one', 'shared\n'),
    { kind: 'hard-link', path: 'opt/two', target: 'opt/one' },
    file('opt/for-all', 'x\n', { mode: 0o666 }),
    file('opt/set-uid', 'x\n', { mode: 0o4755, uid, gid }),
    file('opt/set-gid', 'x\n', { mode: 0o2755, gid }),
    directory('opt/set-gid-directory', 0o2755),
    { kind: 'symlink', path: 'opt/absolute', target: '/opt/only-second' },
    { kind: 'character-device', path: 'opt/device', mode: 0o666, major: 1, minor: 3 },
    directory('data'),
    file('data/old', 'x\n'),
    directory('data/below'),
    file('data/below/deep', 'x\n'),
    directory('gone'),
    file('gone/file', 'x\n'),
    file('gone-file', 'x\n'),
    directory('again'),
    file('again/old', 'x\n'),
  ]);
  const third = layerOf([
    ...release(1),
    file('.wh.gone', ''),
    file('.wh.gone-file', ''),
    file('.wh.again', ''),
    directory('data'),
    file('data/.wh..wh..opq', ''),
    file('data/new', 'x\n'),
    // A layer need not name the directory in which it deletes.
    file('var/.wh.tmp', ''),
  ]);
  const fourth = layerOf([...release(2), directory('again'), file('again/fresh', 'x\n')]);
  const layers = [base, second, third, fourth];

  const inLayout = (of: string, layout: Layout): ExampleImage => {
    const name = word(of);
    return { name, files: layoutFiles(name, layout) };
  };
  const saved = (...[of, ...rest]: Parameters<typeof savedFiles>): ExampleImage => {
    const name = word(of);
    return { name, files: savedFiles(name, ...rest) };
  };

  // The image of an application: says what is to run.
  const lastWord = word('hold');
  const appConfig = {
    Env: ['PATH=/opt/bin:/bin:/usr/bin', `GREETING=a=${word('b')} c`, 'CHANGED=by-the-image'],
    Entrypoint: ['start', 'entry point'],
    Cmd: ['two  words', lastWord],
    WorkingDir: `/srv/${word('work')}`,
    User: user,
  } satisfies ImageConfig;

  // Images of which one part is another than its digest says.
  const intact = layoutOf([base, second], {});
  const changed = (of: string, which: number, content: Buffer): ExampleImage =>
    inLayout(of, {
      index: intact.index,
      blobs: intact.blobs.with(which, { digest: intact.blobs[which]!.digest, content }) as [Blob, ...Blob[]],
    });
  const spaced = ({ content }: { content: Buffer }): Buffer => Buffer.from(content.toString().replace('{', '{ '));
  const claimed = layerOf(small('claimed'));
  const other = layerOf(small('other'));

  // Images that lead out of the container: by names and links in a layer, by a digest, by the working directory.
  const escapes = ['by-link', 'by-name', 'by-working-directory'].map(word);
  const lead: ArchiveEntry = { kind: 'symlink', path: 'lead', target: '/' };

  return {
    facts: { user, uid, gid, otherGid, releases, appConfig, lastWord, escapes },
    layered: inLayout('layered', layoutOf(layers, {})),
    app: inLayout('app', layoutOf([base, second, fourth], appConfig)),
    // For this machine and for another one.
    two: inLayout('two', layoutForTwo([base, layerOf(small('own'))], [base, layerOf(small('foreign'))], {})),
    saved: saved('saved', layers, { Entrypoint: ['env', 'SAVED=yes'] }),
    changedSave: saved('changed-save', [base, claimed], {}, new Map([[digestOf(claimed.archive), other.archive]])),
    tampered: {
      'the topmost layer': changed('changed-layer', 3, layerOf([...release(1), directory('opt')]).stored),
      'the config': changed('changed-config', 1, spaced(intact.blobs[1]!)),
      'the manifest': changed('changed-manifest', 0, spaced(intact.blobs[0])),
    },
    // Its config says of a layer that it is another one.
    liar: inLayout('liar', layoutOf([base, { ...other, archive: second.archive }], {})),
    intact: inLayout('intact', intact),
    many: inLayout(
      'many',
      layoutOf(
        [
          base,
          ...Array.from({ length: MANY }, (_layer, index) =>
            layerOf([directory('many'), file(`many/${index}`, '')], { compressed: false }),
          ),
        ],
        {},
      ),
    ),
    climber: inLayout(
      'climber',
      layoutOf([base, layerOf([lead, file(`lead/${escapes[0]}`, 'x\n'), file(`${up}${escapes[1]}`, 'x\n')])], {}),
    ),
    pointer: inLayout('pointer', pointing(layoutOf([base, fourth], {}))),
    worker: inLayout('worker', layoutOf([base, layerOf([lead])], { WorkingDir: `/lead/${escapes[2]}` })),
  };
}

/** A layout whose topmost layer has a path where its digest should be. */
function pointing({ index, blobs }: Layout): Layout {
  const manifest = JSON.parse(blobs[0].content.toString()) as { layers: { digest: string }[] };
  manifest.layers.at(-1)!.digest = `sha256:${up.slice(0, -1)}`;
  const content = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(content);
  const manifests = [{ ...index.manifests[0], digest, size: content.length }];
  return { index: { ...index, manifests }, blobs: [{ digest, content }, ...blobs.slice(1)] };
}

/** Those that students see, as files of a testbed's host. */
export function imagesForStudents(): Files {
  const {
    facts: _facts,
    tampered,
    ...images
  } = exampleImages({
    word: (of) => of,
    ids: { uid: 2014, gid: 2015, otherGid: 2016 },
  });
  return Object.assign({}, ...[...Object.values(images), ...Object.values(tampered)].map(({ files }) => files));
}
