// Mutants: a reference solution with one small thing wrong, made by rule from its syntax tree. Each grader must find
// each of them, but for those that are no less right than the solution: tests/grading/mutants/.
//
// Not Stryker, the usual tool for this: it has a fixed set of mutations, without flags, neighbouring arguments and the
// order of calls, which are what goes wrong here; and it puts all mutants into one program that asks an environment
// variable which of them it is, while a box.ts runs as a process of its own, in an environment that the grader made.
import { diffLines } from 'diff';
import { type CallExpression, type Node, parseSync, visitorKeys } from 'oxc-parser';

/** What is done to the program. */
export type Kind =
  /** A statement, or an option that is no mere yes or no, is not there. */
  | 'removed'
  /** Two neighbouring statements stand the other way round. */
  | 'swapped'
  /** A statement that calls something does so twice. */
  | 'repeated'
  /** The function ends before a statement. */
  | 'returned'
  /** One of several things joined by |, ||, && or ?? is missing. */
  | 'dropped'
  /** An argument is its neighbour's, too. */
  | 'argument'
  /** Two neighbours in a pattern, an array, an object or a template have each other's place. */
  | 'exchanged'
  /** A number, a word, a mode, a pattern is another one. */
  | 'constant'
  /** A condition is always or never true. */
  | 'condition'
  /** An operator is another one. */
  | 'operator';

/** A program that differs from the solution in one thing. */
export type Mutant = {
  kind: Kind;
  /** Names it whatever else changes in the file: kind, function and the wrong code. No line number. */
  key: string;
  program: string;
  /** The line of the solution where it begins, counted from 1. */
  line: number;
  /** Whether it changes only what runs where the other cgroup version is. */
  elsewhere: boolean;
};

/** Which of a solution's mutants are made. */
export type MutantOptions = {
  /** The solution of the level before: only what is new since is changed. Without it, everything. */
  since?: string | undefined;
  /** The cgroup version of this machine; null where both are meant. */
  cgroup?: 1 | 2 | null;
};

type Range = { start: number; end: number };
type Edit = Range & { text: string };
/** A mutant before it is a program: `shown` is what its key says of it. */
type Idea = { kind: Kind; within: string; edits: Edit[]; shown: string };

/** All mutants of a program, in the order in which they stand in it. @throws Error where it cannot be parsed */
export function mutantsOf(source: string, { since, cgroup = null }: MutantOptions = {}): Mutant[] {
  const { program, errors } = parseSync('box.ts', source);
  if (errors.length > 0) throw new Error(errors[0]!.message);
  const fresh = since === undefined ? () => true : isNew(since, source);
  const elsewhere = cgroup === null ? () => false : onlyWith(cgroup === 1 ? 2 : 1, program);
  const seen = new Set([source]);
  const keys = new Map<string, number>();
  return ideasFor(program, source)
    .sort((one, other) => one.edits[0]!.start - other.edits[0]!.start)
    .flatMap(({ kind, within, edits, shown }): Mutant[] => {
      const mutated = applied(source, edits);
      if (seen.has(mutated)) return [];
      seen.add(mutated);
      const name = `${kind} in ${within}: ${shortened(normal(shown), 140)}`;
      const count = (keys.get(name) ?? 0) + 1;
      keys.set(name, count);
      if (!edits.some((edit) => fresh(edit))) return [];
      return [
        {
          kind,
          key: count === 1 ? name : `${name} #${count}`,
          program: mutated,
          line: source.slice(0, edits[0]!.start).split('\n').length,
          elsewhere: edits.every((edit) => elsewhere(edit)),
        },
      ];
    });
}

/** Whether a range touches a line that the program before does not have. */
function isNew(before: string, source: string): (range: Range) => boolean {
  const added: Range[] = [];
  let position = 0;
  for (const part of diffLines(before, source)) {
    if (part.removed) continue;
    if (part.added) added.push({ start: position, end: position + part.value.length });
    position += part.value.length;
  }
  return ({ start, end }) => added.some((range) => start < range.end && Math.max(end, start + 1) > range.start);
}

// ---- what can be done to each node -----------------------------------------------------------------------------

function ideasFor(program: Node, source: string): Idea[] {
  const ideas: Idea[] = [];
  const text = ({ start, end }: Range): string => source.slice(start, end);

  walk(program, [], (node, ancestors) => {
    const within = functionName(ancestors);
    const add = (kind: Kind, edits: Edit[], around: Range): void => {
      const inside = edits.map((edit) => ({ ...edit, start: edit.start - around.start, end: edit.end - around.start }));
      ideas.push({ kind, within, edits, shown: applied(text(around), inside) });
    };
    const replace = (kind: Kind, range: Range, by: string): void => {
      add(kind, [{ start: range.start, end: range.end, text: by }], surroundings(range, ancestors));
    };
    const exchange = (nodes: readonly Range[], around: Range = node): void => {
      for (const [one, other] of neighbours(nodes)) {
        if (text(one) === text(other)) continue;
        const edits = [
          { ...one, text: text(other) },
          { ...other, text: text(one) },
        ];
        add('exchanged', edits.map(asEdit), surroundings(around, ancestors));
      }
    };

    switch (node.type) {
      case 'Program':
      case 'BlockStatement': {
        ideas.push(...ideasForStatements(node.body.filter(runs), within, ancestors, text));
        break;
      }
      case 'IfStatement':
        // Without an alternative, that is as good as removing all of it.
        if (node.alternate !== null) {
          for (const branch of [node.consequent, node.alternate]) {
            if (branch.type !== 'BlockStatement')
              add('removed', [{ start: branch.start, end: branch.end, text: '{}' }], node);
          }
        }
        replaceCondition(node.test);
        break;
      case 'ForOfStatement':
        if (node.body.type !== 'BlockStatement') replace('removed', node.body, '{}');
        break;
      case 'ConditionalExpression':
        replaceCondition(node.test);
        break;
      case 'LogicalExpression':
        replace('dropped', node, text(node.left));
        replace('dropped', node, text(node.right));
        break;
      case 'BinaryExpression': {
        if (node.operator === '|') {
          // a | b | c is (a | b) | c: seen from its top, with all that it joins.
          const parent = ancestors.at(-1);
          if (parent?.type === 'BinaryExpression' && parent.operator === '|') break;
          const joined = operands(node);
          for (const left of joined) {
            replace(
              'dropped',
              node,
              joined
                .filter((operand) => operand !== left)
                .map(text)
                .join(' | '),
            );
          }
          break;
        }
        const other = otherOperator[node.operator];
        if (other !== undefined) replace('operator', node, `${text(node.left)} ${other} ${text(node.right)}`);
        break;
      }
      case 'CallExpression':
        for (const [one, other] of neighbours(node.arguments)) {
          if (text(one) === text(other)) continue;
          add('argument', [{ start: one.start, end: one.end, text: text(other) }], node);
          add('argument', [{ start: other.start, end: other.end, text: text(one) }], node);
        }
        break;
      case 'ObjectPattern':
        // Only within it: what comes in by one name is called by the other's.
        for (const [one, other] of neighbours<Node>(node.properties)) {
          if (one.type !== 'Property' || other.type !== 'Property' || !one.shorthand || !other.shorthand) continue;
          const [first, second] = [text(one.key), text(other.key)];
          const edits = [
            { ...asEdit(one), text: `${first}: ${second}` },
            { ...asEdit(other), text: `${second}: ${first}` },
          ];
          add('exchanged', edits, node);
        }
        break;
      case 'ObjectExpression':
        exchange(node.properties.flatMap((property) => (property.type === 'Property' ? [property.value] : [])));
        for (const [index, property] of node.properties.entries()) {
          if (property.type !== 'Property' || /^(true|false)$/.test(text(property.value))) continue;
          // With the comma that it no longer needs.
          const [previous, next] = [node.properties[index - 1], node.properties[index + 1]];
          const start = next === undefined && previous !== undefined ? previous.end : property.start;
          const end = next?.start ?? (previous === undefined ? node.end - 1 : property.end);
          add('removed', [{ start, end, text: '' }], node);
        }
        break;
      case 'ArrayPattern':
      case 'ArrayExpression':
        exchange(node.elements.filter((element) => element !== null));
        break;
      case 'TemplateLiteral':
        exchange(node.expressions);
        for (const quasi of node.quasis) {
          if (quasi.value.raw === '') continue;
          // The range of a piece holds what is around it in some versions of the tree, and does not in others.
          const start = source.indexOf(quasi.value.raw, quasi.start);
          replace('constant', { start, end: start + quasi.value.raw.length }, '');
        }
        break;
      case 'Literal':
        for (const other of otherLiterals(text(node))) replace('constant', node, other);
        break;
    }

    function replaceCondition(test: Range): void {
      for (const always of ['true', 'false']) {
        const edits = [{ start: test.start, end: test.end, text: always }];
        ideas.push({ kind: 'condition', within, edits, shown: `${always} in place of ${text(test)}` });
      }
    }
  });
  return ideas;
}

/** What can be done to statements in a row. */
function ideasForStatements(
  statements: readonly Node[],
  within: string,
  ancestors: readonly Node[],
  text: (range: Range) => string,
): Idea[] {
  const ideas: Idea[] = [];
  const inFunction = ancestors.some(isFunction);
  const isBody = ancestors.length > 0 && isFunction(ancestors.at(-1)!);
  for (const [index, statement] of statements.entries()) {
    const { start, end } = statement;
    ideas.push({ kind: 'removed', within, edits: [{ start, end, text: '' }], shown: text(statement) });
    // Before the last one of a function, that is as good as removing it.
    if (inFunction && !(isBody && index === statements.length - 1)) {
      const edits = [{ start, end: start, text: 'return; ' }];
      ideas.push({ kind: 'returned', within, edits, shown: `before ${text(statement)}` });
    }
    for (const call of repeatable(statement)) {
      const edits = [{ start, end: start, text: `${text(call).replace(/;$/, '')}; ` }];
      ideas.push({ kind: 'repeated', within, edits, shown: text(call) });
    }
  }
  for (const [one, other] of neighbours(statements)) {
    // Constants that are there before anything runs.
    if (!inFunction && one.type === 'VariableDeclaration' && other.type === 'VariableDeclaration') continue;
    const edits = [
      { ...asEdit(one), text: text(other) },
      { ...asEdit(other), text: text(one) },
    ];
    const shown = `${shortened(normal(text(other)), 66)} || ${shortened(normal(text(one)), 66)}`;
    ideas.push({ kind: 'swapped', within, edits, shown });
  }
  return ideas;
}

/** The call of a statement that can stand there once more, and do something. */
function repeatable(statement: Node): Node[] {
  if (statement.type === 'ExpressionStatement')
    return statement.expression.type === 'CallExpression' ? [statement] : [];
  if (statement.type !== 'VariableDeclaration') return [];
  return statement.declarations.flatMap(({ init }) => (init?.type === 'CallExpression' && !isPure(init) ? [init] : []));
}

/** Whether a call does nothing but compute a value. */
function isPure({ callee, arguments: given }: CallExpression): boolean {
  return (
    callee.type === 'MemberExpression' &&
    callee.object.type === 'Identifier' &&
    ['path', 'Math'].includes(callee.object.name) &&
    given.every((argument) => argument.type !== 'CallExpression' || isPure(argument))
  );
}

const otherOperator: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
};

/** What a literal may be changed to. */
function otherLiterals(raw: string): string[] {
  if (raw === 'true') return ['false'];
  if (raw === 'false') return ['true'];
  if (raw.startsWith('/')) {
    const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(raw)!;
    return [
      ...(flags === '' ? [] : [`/${pattern}/`]),
      ...(pattern!.startsWith('^') ? [`/${pattern!.slice(1)}/${flags}`] : []),
      ...(pattern!.endsWith('$') ? [`/${pattern!.slice(0, -1)}/${flags}`] : []),
    ];
  }
  if (/^['"]/.test(raw)) {
    const quote = raw[0]!;
    const word = raw.slice(1, -1);
    if (word === '') return [];
    const parts = word.split(',');
    const fewer = parts.length === 1 ? [] : parts.map((part) => parts.filter((other) => other !== part).join(','));
    const stricter = [...word.matchAll(/\b0?[1-7][0-7]{2}\b/g)].map(
      (mode) => word.slice(0, mode.index) + ownersOnly(mode[0]) + word.slice(mode.index + mode[0].length),
    );
    return ['', ...fewer, ...stricter.filter((other) => other !== word)].map((other) => quote + other + quote);
  }
  if (/^0o/i.test(raw) && ownersOnly(raw) !== raw) return [ownersOnly(raw)];
  const value = Number(raw.replaceAll('_', ''));
  return Number.isFinite(value) && raw !== 'null' ? [String(value + 1)] : [];
}

/** A mode without what it grants to the group and to others: 0o666 becomes 0o600. */
function ownersOnly(mode: string): string {
  return mode.replace(/\d\d$/, '00');
}

// ---- the tree --------------------------------------------------------------------------------------------------

/** Calls back for each node that is there at run time, and whose words are no message to a person. */
function walk(node: Node, ancestors: readonly Node[], visit: (node: Node, ancestors: readonly Node[]) => void): void {
  if (node.type === 'ImportDeclaration' || isType(node) || isMessage(node, ancestors)) return;
  visit(node, ancestors);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = (node as unknown as Record<string, Node | (Node | null)[] | null>)[key];
    for (const one of Array.isArray(child) ? child : [child]) {
      if (one !== null && one !== undefined) walk(one, [...ancestors, node], visit);
    }
  }
}

/** Types are gone when the program runs; `value!` and `value as T` hold a value. */
function isType({ type }: Node): boolean {
  return type.startsWith('TS') && !['TSNonNullExpression', 'TSAsExpression', 'TSSatisfiesExpression'].includes(type);
}

/** Which words an error has is not for a grader to say. */
function isMessage(node: Node, ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1);
  if (parent?.type === 'ThrowStatement') return true;
  return (
    parent?.type === 'CallExpression' &&
    parent.callee !== node &&
    parent.callee.type === 'MemberExpression' &&
    parent.callee.object.type === 'Identifier' &&
    parent.callee.object.name === 'console'
  );
}

/** Whether a statement does something where it stands. */
function runs({ type }: Node): boolean {
  return type !== 'ImportDeclaration' && type !== 'FunctionDeclaration' && !type.startsWith('TS');
}

function isFunction({ type }: Node): boolean {
  return ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(type);
}

function functionName(ancestors: readonly Node[]): string {
  const named = ancestors.findLast((node) => node.type === 'FunctionDeclaration');
  return named?.type === 'FunctionDeclaration' ? (named.id?.name ?? 'a function') : 'the file';
}

/** The smallest piece of code around a range that says what it is about: a call, a declaration, a statement. */
function surroundings(range: Range, ancestors: readonly Node[]): Range {
  const telling = [
    'CallExpression',
    'VariableDeclaration',
    'IfStatement',
    'ReturnStatement',
    'ExpressionStatement',
    'Property',
  ];
  const found = ancestors.findLast(({ type }) => telling.includes(type));
  if (found === undefined) return range;
  return found.type === 'IfStatement' && isWithin(range, found.test)
    ? { start: found.start, end: found.test.end + 1 }
    : found;
}

function operands(node: Node): Node[] {
  return node.type === 'BinaryExpression' && node.operator === '|'
    ? [...operands(node.left), ...operands(node.right)]
    : [node];
}

/** The code that runs only where cgroups have this version: branches of `version === N`, and what only they call. */
function onlyWith(version: 1 | 2, program: Node): (range: Range) => boolean {
  const ranges: Range[] = [];
  const whole: (Range & { test: Range })[] = [];
  const uses = new Map<string, Range[]>();
  const functions = new Map<string, Range>();
  walk(program, [], (node, ancestors) => {
    if (node.type === 'FunctionDeclaration' && node.id !== null) functions.set(node.id.name, node);
    if (node.type === 'Identifier' && ancestors.at(-1)?.type !== 'FunctionDeclaration') {
      uses.set(node.name, [...(uses.get(node.name) ?? []), node]);
    }
    if (node.type !== 'IfStatement' && node.type !== 'ConditionalExpression') return;
    const { test } = node;
    if (test.type !== 'BinaryExpression' || test.operator !== '===' || test.right.type !== 'Literal') return;
    const asked = test.left.type === 'MemberExpression' ? test.left.property : test.left;
    if (asked.type !== 'Identifier' || asked.name !== 'version') return;
    if (test.right.value !== version) {
      if (node.alternate !== null) ranges.push(node.alternate);
      return;
    }
    // Without an alternative, all of it is there for that version, but that it is asked.
    ranges.push(node.consequent);
    if (node.alternate === null) whole.push({ start: node.start, end: node.end, test });
  });
  for (let before = -1; before !== ranges.length;) {
    before = ranges.length;
    for (const [name, range] of functions) {
      const from = (uses.get(name) ?? []).filter((use) => !isWithin(use, range));
      const reached = from.some((use) => !ranges.some((only) => isWithin(use, only)));
      if (!reached && from.length > 0 && !ranges.includes(range)) ranges.push(range);
    }
  }
  return (range) =>
    ranges.some((only) => isWithin(range, only)) ||
    whole.some((statement) => isWithin(range, statement) && !isWithin(range, statement.test));
}

// ---- text ------------------------------------------------------------------------------------------------------

function applied(source: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), source);
}

function asEdit({ start, end, text = '' }: Range & { text?: string }): Edit {
  return { start, end, text };
}

function isWithin(inner: Range, outer: Range): boolean {
  return inner.start >= outer.start && inner.end <= outer.end;
}

function neighbours<Item>(items: readonly Item[]): [Item, Item][] {
  return items.slice(1).map((item, index) => [items[index]!, item]);
}

/** Without comments and line breaks. */
function normal(code: string): string {
  return code
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
