// The reference of `linux`, from the docstrings of its files: what a function is and says of itself cannot drift.
import fs from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';
import { workshopRoot } from '../paths.ts';

type Entry = { name: string; signature: string; doc: string };

const folder = path.join(workshopRoot, 'linux');

/** The reference as markdown: a section a file of linux/, and in it every name that the package exports. */
export function linuxReference(): string {
  const sections = exportsOf().map(({ file, names }) =>
    section(fs.readFileSync(path.join(folder, file), 'utf8'), file, names),
  );
  return [
    '# The system calls: `#linux`',
    '',
    "`import * as linux from '#linux'` gives you the system calls of this course, one function each, named and ordered as in section 2 of the manual. Filters of system calls are in a package of their own, `#linux/seccomp`. A call that fails throws a `LinuxError`, with `syscall`, `errno`, `code` and `args`.",
    '',
    ...sections,
  ].join('\n');
}

/** The names that the package exports. */
export function linuxNames(): string[] {
  return exportsOf().flatMap(({ names }) => [...names]);
}

function exportsOf(): { file: string; names: ReadonlySet<string> }[] {
  const index = fs.readFileSync(path.join(folder, 'index.ts'), 'utf8');
  const listed = [...index.matchAll(/export \{([^}]*)\} from '\.\/([^']+)'/g)].map(([, list, file]) => {
    const names = list!.split(',').map((name) => name.replace(/\btype\b/, '').trim());
    return { file: file!, names: new Set(names.filter(Boolean)) };
  });
  // A package of its own, `#linux/seccomp`: all that it exports.
  const filters = fs.readFileSync(path.join(folder, 'seccomp.ts'), 'utf8');
  const names = [...filters.matchAll(/^export (?:function|const|type) (\w+)/gm)].map(([, name]) => name!);
  return [...listed, { file: 'seccomp.ts', names: new Set(names) }];
}

/** @throws Error naming an export that the file does not have in a form that is understood here */
function section(source: string, file: string, exported: ReadonlySet<string>): string {
  const head = /^\/\/ (.*(?:\n\/\/ .*)*)/.exec(source)?.[1]?.replaceAll(/\n\/\/ /g, ' ') ?? '';
  const entries = entriesOf(source, file).filter(({ name }) => exported.has(name));
  for (const name of exported) {
    if (!entries.some((entry) => entry.name === name)) throw new Error(`linux/${file}: no declaration of ${name}`);
  }
  const functions = entries.filter(({ signature }) => !signature.startsWith('const'));
  const constants = entries.filter(({ signature }) => signature.startsWith('const'));
  return [
    `## ${head.split(/[.:] /)[0]!.replace(/\.$/, '')}`,
    '',
    ...functions.flatMap(({ name, signature, doc }) => [
      `### \`${name}\``,
      '',
      '```ts',
      signature,
      '```',
      '',
      prose(doc),
      '',
    ]),
    ...(constants.length === 0
      ? []
      : [`### Constants in \`${file}\``, '', '| constant | value | meaning |', '| --- | --- | --- |']),
    ...constants.map(({ name, signature, doc }) => `| \`${name}\` | \`${signature.split('= ')[1]}\` | ${cell(doc)} |`),
    '',
  ].join('\n');
}

/** What a file exports, with the comment right before it. */
function entriesOf(source: string, file: string): Entry[] {
  const { program, comments } = parseSync(file, source);
  return program.body.flatMap((statement): Entry[] => {
    if (statement.type !== 'ExportNamedDeclaration' || statement.declaration === null) return [];
    const { declaration } = statement;
    const comment = comments.findLast(
      ({ end }) => end <= statement.start && source.slice(end, statement.start).trim() === '',
    );
    const doc = comment?.type === 'Block' ? comment.value.replaceAll(/^\s*\*+ ?/gm, '').trim() : '';
    switch (declaration.type) {
      case 'FunctionDeclaration':
        return [
          {
            name: declaration.id!.name,
            signature: source.slice(declaration.start, declaration.body!.start).trim(),
            doc,
          },
        ];
      case 'VariableDeclaration':
        return declaration.declarations.flatMap(({ id, init }) =>
          id.type !== 'Identifier' || init === null
            ? []
            : [{ name: id.name, signature: `const ${id.name} = ${source.slice(init.start, init.end)}`, doc }],
        );
      case 'ClassDeclaration':
      case 'TSTypeAliasDeclaration':
        return [
          {
            name: declaration.id!.name,
            signature: withoutBodies(source.slice(declaration.start, declaration.end)),
            doc,
          },
        ];
      default:
        return [];
    }
  });
}

/** A class as its readers see it: fields, without what its constructor does. */
function withoutBodies(text: string): string {
  return text.replace(/\n\n {2}constructor[\s\S]*\n {2}\}\n/, '\n');
}

/** A docstring as markdown: its tags become a list. */
function prose(doc: string): string {
  const [text = '', ...tags] = doc.split(/^@/m);
  const list = tags.map((tag) => {
    const [, kind, rest] = /^(\w+) ([\s\S]*)$/.exec(tag.trim()) ?? [];
    if (kind === 'param') return `- ${rest!.replace(/^(\S+) /, '`$1`: ')}`;
    return `- ${kind ?? 'throws'} ${rest ?? ''}`;
  });
  const [inline, ...after] = text.trim().split(' @throws ');
  return [inline, '', ...after.map((what) => `- throws ${what}`), ...list].join('\n');
}

function cell(doc: string): string {
  return doc.replaceAll('\n', ' ').replaceAll('|', '\\|');
}
