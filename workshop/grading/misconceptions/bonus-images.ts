// What people believe who fail the bonus level about images in layers.
import path from 'node:path';
import { findCall, inChild, type Misconception } from '../finding.ts';
import type { Run } from '../run.ts';

/** The lower directories that the kernel was given, the topmost first. */
function lowerdirsOf(run: Run): string[] {
  const data = findCall(run, 'mount', ({ args }) => args[2] === '"overlay"')?.args[4] ?? '';
  return /lowerdir=([^,"]*)/.exec(data)?.[1]?.split(':') ?? [];
}

/** A mark for a deletion that the program made: not a device of the container's own. */
const whiteout: Parameters<typeof findCall>[2] = ({ args }) => !args[0]!.includes('/dev/');

const isMarker = ({ path: name }: { path: string }): boolean => path.basename(name).startsWith('.wh.');

export const misconceptions: readonly Misconception[] = [
  {
    slug: 'parent-in-the-layer',
    checks: ['images.1', 'images.6'],
    man: 'chroot(2)',
    why: 'box.ts itself has moved into the layer, and never comes out again: all that it needs from the host is gone. The root belongs to a process, so a child has to do the unpacking, and then end.',
    shows: (run) => findCall(run, 'chroot', (line) => !inChild(line)),
  },
  {
    slug: 'one-layer-alone',
    checks: ['images.1'],
    man: 'mount(8)',
    why: 'Every layer holds only what it adds. A container needs them all, and overlay takes as many lower directories as there are.',
    shows: (run) => lowerdirsOf(run).length === 1 && findCall(run, 'mount', ({ args }) => args[2] === '"overlay"'),
  },
  {
    slug: 'lowest-layer-first',
    checks: ['images.1'],
    man: 'mount(8)',
    why: 'An image lists its layers as they were made, from the lowest to the topmost. Overlay reads its list as you look onto a pile: the first directory is the topmost. So the order has to be turned round.',
    shows: (_run, { actual, at }) => (/it printed: second-/.test(actual) ? at : undefined),
  },
  {
    slug: 'digest-not-computed',
    checks: ['images.2'],
    line: [/openVerified\(.*\{$/, /[Dd]igest\(.*\{$/],
    why: 'That a file has a digest for its name says only what should be in it. What is in it has to be read, and its digest computed, before anybody uses it.',
    shows: (_run, { expected, actual }) =>
      actual === 'the command ran' && expected.startsWith('where the topmost layer is another'),
  },
  {
    slug: 'unpacked-before-compared',
    checks: ['images.2'],
    man: 'rename(2)',
    line: [/#layer\(.*\{$/, /mkdirSync\(/],
    why: 'The first try was refused, and left a directory with the name of the layer. The next one took it for the layer. A directory may have that name only when what is in it has been compared and is complete.',
    shows: (_run, { expected }) => /at the second try/.test(expected),
  },
  {
    slug: 'documents-trusted',
    checks: ['images.2'],
    line: [/#json\b.*\{$/, /JSON\.parse\(/],
    why: 'Layers are compared with their digests, but those stand in the manifest. Whoever can exchange a layer can exchange the manifest as well, or the config, which says what is run. Every document has a digest in the one that names it.',
    shows: (_run, { expected, actual }) =>
      actual === 'the command ran' && /^where the (config|manifest)/.test(expected),
  },
  {
    slug: 'name-from-the-config',
    checks: ['images.2'],
    line: [/diff_ids\[/, /\.diff_ids/],
    why: 'The layer was compared with one digest and then named by another one, which the config of its image gives. A config may claim anything. So an image put its own content under the name of a layer that other images use.',
    shows: (_run, { expected }) => expected.startsWith('of an image that is as its digests say'),
  },
  {
    slug: 'opaque-is-a-name',
    checks: ['images.3'],
    why: 'The marker .wh..wh..opq does not delete a file of the name .wh..opq. It is about the directory in which it lies: nothing that lower layers have in there is to be seen.',
    shows: (run) => findCall(run, 'mknod', ({ args }) => args[0]!.includes('.wh..opq')),
  },
  {
    slug: 'markers-unpacked',
    checks: ['images.3'],
    line: [/\bfilter\b/, /UnpackSync\(|extract\(/],
    why: 'Overlay knows nothing of names with .wh. in front. They are how a tar archive says that something is deleted, and box.ts has to say the same to overlay in its way.',
    shows: (run) => run.images.some(isMarker),
  },
  {
    slug: 'whiteout-is-a-device',
    checks: ['images.3'],
    man: 'mknod(2)',
    why: 'What overlay takes for "deleted" is a character device with the numbers 0 and 0. Any other file of that name is just an upper file.',
    shows: (run) =>
      findCall(
        run,
        'mknod',
        (line) => whiteout(line) && line.errno === null && (!/^02\d{4}$/.test(line.args[1]!) || line.args[2] !== '0x0'),
      ),
  },
  {
    slug: 'attribute-for-users',
    checks: ['images.1', 'images.3'],
    why: 'Overlay looks for its marks among the attributes whose names begin with trusted, which only root can write. Those that begin with user it takes only where it was mounted with userxattr.',
    shows: (run) => findCall(run, 'setxattr', ({ args }) => args[1] !== '"trusted.overlay.opaque"'),
  },
  {
    slug: 'nothing-to-delete',
    checks: ['images.3'],
    line: [/\b(rmSync|unlinkSync|rmdirSync)\((?!unfinished)/, /\.wh\./],
    why: 'The file that a layer deletes is not in its own directory, but in that of a layer below, which other images use as well. So there is nothing to remove. The upper directory needs a mark that hides it.',
    shows: (run) => findCall(run, 'mknod', whiteout) === undefined,
  },
  {
    slug: 'opaque-left-out',
    checks: ['images.3'],
    line: /opq/,
    why: 'A directory that was deleted and made anew shows what the layers below have in it, because overlay merges directories of one name. The marker .wh..wh..opq says that this one must not be merged.',
    shows: (run) => findCall(run, 'setxattr') === undefined,
  },
  {
    slug: 'directory-for-everybody',
    checks: ['images.3'],
    man: 'umask(2)',
    line: /mkdirSync\(directory, \{ recursive: true \}/,
    why: 'A layer may delete in a directory that it does not name. That directory has to be made then, and overlay shows it with the mode that it gets here. Without a umask that is 0777.',
    shows: (_run, { actual }) => actual === 'it printed: 777',
  },
  {
    slug: 'umask-takes-bits',
    checks: ['images.4'],
    man: 'umask(2)',
    line: [/chmod: true/, /UnpackSync\(|extract\(/],
    why: 'tar hands the mode of a file to open(2), and the umask of the process takes bits from it. Directories are put right afterwards, files are not.',
    shows: (_run, { expected, actual }) => expected.includes('/opt/for-all') && actual === 'it printed: 644',
  },
  {
    slug: 'owner-after-mode',
    checks: ['images.4'],
    line: [/UnpackSync\(/, /extract\(/],
    why: 'When a file changes its owner, the kernel takes its set-user-ID and set-group-ID bits away, so that the file does not run with the rights of its new owner. tar sets the mode first and the owner afterwards.',
    shows: (_run, { actual }) => /^it printed: 0?755:/.test(actual),
  },
  {
    slug: 'layer-of-one-image',
    checks: ['images.5'],
    line: [/['"`]layers['"`]/, /#layer\(.*\{$/],
    why: 'The directory of the layer belongs to one image, by its place. Another image that has the same layer cannot find it there. What is the same for both is the digest.',
    shows: () => true,
  },
  {
    slug: 'root-of-the-host',
    checks: ['images.6'],
    man: 'path_resolution(7)',
    line: [/UnpackSync\(/, /extract\(/],
    why: 'Whoever unpacks has the root of the host, and every name in the archive is looked up from there: those with .. in them, and those that go through a link which the archive has made itself. Looking at the names beforehand does not show where links lead. A process whose root is the layer cannot get out, whatever the names are.',
    shows: (_run, { actual }) => actual.endsWith('was made'),
  },
  {
    slug: 'digest-is-a-path',
    checks: ['images.6'],
    man: 'path_resolution(7)',
    line: [/function \w*[hH]ex\w*\(/, /(slice|replace)\('sha256:/, /split\(':'\)/],
    why: 'What stands where a digest should be was made into the name of a directory. With .. in it, it leads to any directory of the host, and that one became a layer. A digest is sha256: and 64 digits, and nothing else is one.',
    shows: (_run, { actual }) => actual.startsWith("the command read the host's"),
  },
  {
    slug: 'names-of-architectures',
    checks: ['images.7'],
    line: /process\.arch|os\.arch\(/,
    why: 'Node and images have other names for the same machines: what is x64 for Node is amd64 in an index, as the Go language calls it.',
    shows: (run) => run.exitCode === 125,
  },
  {
    slug: 'first-of-the-index',
    checks: ['images.7'],
    line: /manifests(\[0\]|\.at\(0\))|\[\w+\] = \w*\.?manifests/,
    why: 'The first entry of an index may be for any machine. There is one for each, and its platform says which.',
    shows: (_run, { actual }) => actual.startsWith('/opt/mark'),
  },
  {
    slug: 'passwd-of-the-host',
    checks: ['images.8', 'images.9'],
    man: 'passwd(5)',
    line: [/accountIn\((?!user)/, /passwd/],
    why: 'The users of an image are in its own /etc/passwd. As long as the root is that of the host, the same name opens the file of the host, where this user is unknown, or somebody else.',
    shows: (run) => /no user/.test(run.stderr),
  },
  {
    slug: 'path-of-the-host',
    checks: ['images.8'],
    man: 'execvp(3)',
    why: 'A name without a slash is looked up in the PATH of the process that calls exec, not in the environment that it hands over. The image has a PATH of its own, and this process must have it before.',
    shows: (run) =>
      findCall(run, ['execvpe', 'execvp'], ({ errno, args }) => errno === 'ENOENT' && args[0] === '"start"'),
  },
  {
    slug: 'entrypoint-replaced',
    checks: ['images.8'],
    man: 'execve(2)',
    line: /\.Entrypoint\b/,
    why: 'Typed words take the place of Cmd only. The entrypoint is what the image is for: its program, to which they are arguments.',
    shows: (run) => findCall(run, ['execvp', 'execvpe'], ({ args }) => args[0] === '"typed"') !== undefined,
  },
  {
    slug: 'cmd-kept',
    checks: ['images.8'],
    man: 'execve(2)',
    line: /\.Cmd\b/,
    why: 'Cmd holds the arguments for those who type none. Whoever types words does not want those of Cmd as well.',
    shows: (_run, { expected, actual }) => /typed/.test(expected) && /two {2}words/.test(actual),
  },
  {
    slug: 'value-with-equals-sign',
    checks: ['images.8'],
    line: /split\(['"]=['"]/,
    why: 'The first equals sign ends the name of a variable. Any that come after it belong to the value.',
    shows: (_run, { expected }) => expected.startsWith('GREETING='),
  },
  {
    slug: 'typed-variables-lost',
    checks: ['images.8'],
    line: [/\.\.\.typedEnv/, /typedEnv/, /\.Env\b/],
    why: 'Whoever types a variable with -e means it to count. So it comes after those of the image, and takes their place.',
    shows: (_run, { expected }) => expected === 'CHANGED=by-me',
  },
  {
    slug: 'environment-of-the-host',
    checks: ['images.8'],
    line: [/\{ \.\.\.(process\.)?env\b/, /process\.env/],
    why: 'The variables of the host are about the host: its paths, its settings, at times its passwords. An image brings its own.',
    shows: (_run, { expected }) => expected === "no variable of the host's",
  },
  {
    slug: 'made-from-outside',
    checks: ['images.9'],
    man: 'path_resolution(7)',
    line: /mkdirSync\(.*WorkingDir/,
    why: "The directory was made while the root was still that of the host. On the way to it lay a link of the image, which leads to /, and that was the host's. In the container the same link stays inside.",
    shows: (_run, { actual }) => actual.endsWith('was made on the host'),
  },
  {
    slug: 'groups-of-the-user',
    checks: ['images.9'],
    man: 'group(5)',
    why: 'A user is in one group by /etc/passwd, and in others by /etc/group, where groups list their members. Programs that were set up for these groups fail without them.',
    shows: (run, { actual }) => (actual.endsWith('groups none') ? findCall(run, 'setgroups') : undefined),
  },
  {
    slug: 'archive-of-archives',
    checks: ['images.10'],
    line: [/\bopen\(name.*\{$/, /manifest\.json/],
    why: 'What docker save writes is no root. It is an archive with archives in it, one for each layer, and a manifest.json that says which.',
    shows: (run) => run.exitCode === 127 || findCall(run, 'mount', ({ errno }) => errno === 'ENOENT') !== undefined,
  },
  {
    slug: 'layers-of-save-trusted',
    checks: ['images.10'],
    line: [/#fromSaved\(.*\{$/, /diff_ids|Layers/],
    why: 'The names of the files in such an archive say nothing of their content. What they must be stands in the config: diff_ids, one digest for each layer.',
    shows: (_run, { actual }) => actual === 'the command ran',
  },
  {
    slug: 'page-of-data',
    checks: ['images.11'],
    why: 'mount(2) copies one page of data, 4096 bytes, and what comes after that is lost: the end of a name, the upperdir. Names of 64 digits below a long path fill it soon.',
    shows: (run) => findCall(run, 'mount', ({ args }) => args[2] === '"overlay"' && args[4]!.length > 4097),
  },
];
