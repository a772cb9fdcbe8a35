// The words after `box.ts`, as every level's program understands them.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseRun, parseVerb } from '../../workshop/command-line.ts';
import { dataDirectory } from '../../workshop/paths.ts';

const surroundings = { PATH: '/here/bin', TERM: 'dumb', COLOR: 'blue', GONE: undefined };
const parse = (...argv: string[]) => parseRun(argv, surroundings);

describe('the options of box.ts', () => {
  test('are all as they are when nobody asks', () => {
    expect(parse('run', 'true')).toEqual({
      image: 'busybox',
      imageDir: path.join(dataDirectory(), 'images'),
      containerDir: path.join(dataDirectory(), 'containers'),
      env: { PATH: '/here/bin', TERM: 'dumb', COLOR: 'blue' },
      typedEnv: {},
      cpuShares: null,
      memory: null,
      memorySwap: null,
      user: null,
      command: ['true'],
    });
  });

  test('are taken as they were typed', () => {
    const typed = ['-i', 'debian', '--image-dir', '/i', '--container-dir', '/c', '--cpu-shares', '512'];
    const more = ['--memory', '64m', '--memory-swap', '128M', '--user', '1000:1000'];
    expect(parse('run', ...typed, ...more, 'ls', '-l')).toMatchObject({
      image: 'debian',
      imageDir: '/i',
      containerDir: '/c',
      cpuShares: 512,
      memory: '64m',
      memorySwap: '128M',
      user: '1000:1000',
      command: ['ls', '-l'],
    });
  });

  test('stand before "run", too', () => {
    expect(parse('--memory', '5', 'run', 'ls')).toMatchObject({ memory: '5', command: ['ls'] });
  });

  test.for([
    ['-1', '--memory-swap', '-1'],
    ['-1', '--memory-swap=-1'],
    ['', '--memory-swap', ''],
  ])('a value may be %j', ([value, ...words]) => {
    expect(parse('run', ...words, 'ls')).toMatchObject({ memorySwap: value, command: ['ls'] });
  });

  test('end at the first word of the command', () => {
    expect(parse('run', '--user', '5', 'sh', '--user', '6', '-e', 'A=b', '--help').command).toEqual([
      'sh',
      '--user',
      '6',
      '-e',
      'A=b',
      '--help',
    ]);
    expect(parse('run', '--', '--odd', '-1').command).toEqual(['--odd', '-1']);
  });
});

describe('a command that may be missing', () => {
  test('is asked for unless the program says that it may', () => {
    expect(() => parse('run', '-i', 'app')).toThrow('a command is missing');
    expect(parseRun(['run', '-i', 'app'], surroundings, { commandMayBeMissing: true })).toMatchObject({
      image: 'app',
      command: [],
    });
  });
});

describe('--env', () => {
  test('is kept apart, too', () => {
    expect(parse('run', '-e', 'A=1=2', '-e', 'COLOR', '-e', 'GONE', 'env').typedEnv).toEqual({
      A: '1=2',
      COLOR: 'blue',
    });
  });

  const small = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', TERM: 'dumb' };
  const env = (...words: string[]) => parse('run', ...words, 'env').env;

  test.for([
    ['adds to a small environment', ['-e', 'A=1', '--env', 'B=2'], { ...small, A: '1', B: '2' }],
    ['takes a name alone from the environment around', ['-e', 'COLOR'], { ...small, COLOR: 'blue' }],
    ['leaves out what is not set around', ['-e', 'GONE', '-e', 'NEVER'], small],
    [
      'may be empty, and hold =, spaces and lines',
      ['-e', 'A=', '-e', 'B=c=d e\nf'],
      { ...small, A: '', B: 'c=d e\nf' },
    ],
    [
      'replaces what is there by default',
      ['-e', 'PATH=/x', '-e', 'A=1', '-e', 'A=2'],
      { ...small, PATH: '/x', A: '2' },
    ],
  ] as const)('%s', ([, words, expected]) => {
    expect(env(...words)).toEqual(expected);
  });

  test('without a name is refused', () => {
    expect(() => env('-e', '=1')).toThrow(/^--env takes NAME=VALUE or NAME, not "=1"$/);
    expect(() => env('-e', '')).toThrow(/^--env takes NAME=VALUE or NAME, not ""$/);
  });
});

test.for(['2', '262144'])('--cpu-shares takes %s', (shares) => {
  expect(parse('run', '--cpu-shares', shares, 'ls').cpuShares).toBe(Number(shares));
});

test.for(['1', '262145', '-5', '1.5', '1e3', '', 'many', '0x10'])('--cpu-shares refuses %j', (shares) => {
  expect(() => parse('run', '--cpu-shares', shares, 'ls')).toThrow(
    `--cpu-shares takes a whole number from 2 to 262144, not "${shares}"`,
  );
});

test.for([
  [[], 'nothing to do: the first word is "run"'],
  [['start'], 'there is no "start" here: the first word is "run"'],
  [['run'], 'a command is missing: box.ts run [options] <command>'],
  [['run', '--memory'], "Option '--memory <value>' argument missing"],
  [['run', '--colour', 'red', 'ls'], "Unknown option '--colour'"],
  [['run', '-i', '../x', 'ls'], '"../x" is no name for an image: small letters, digits, dots, dashes'],
] as const)('%j is refused in one sentence', ([words, sentence]) => {
  expect(() => parse(...words)).toThrow(new RegExp(`^${RegExp.escape(sentence)}$`));
});

describe('where containers can go on by themselves', () => {
  const asked = (...argv: string[]) => parseVerb(argv, surroundings);
  const containerDir = path.join(dataDirectory(), 'containers');

  test('run takes what it takes elsewhere, and more', () => {
    expect(asked('run', '-d', '--user', '5', 'sh', '-t')).toEqual({
      verb: 'run',
      options: { ...parse('run', '--user', '5', 'sh', '-t'), detach: true, terminal: false, volumes: [] },
    });
    expect(asked('run', '-t', '-v', '/a:/b', '--volume', './c:/d/e:ro', 'sh').options).toMatchObject({
      terminal: true,
      volumes: [
        { source: '/a', target: '/b', readOnly: false },
        { source: path.resolve('c'), target: '/d/e', readOnly: true },
      ],
    });
  });

  test('there are other words', () => {
    expect(asked('ps')).toEqual({ verb: 'ps', options: { containerDir } });
    expect(asked('ps', '--container-dir', '/c')).toEqual({ verb: 'ps', options: { containerDir: '/c' } });
    expect(asked('logs', 'box-1')).toEqual({ verb: 'logs', options: { containerDir, id: 'box-1' } });
    expect(asked('rm', 'box-1')).toEqual({ verb: 'rm', options: { containerDir, id: 'box-1' } });
    expect(asked('stop', 'box-1').options).toMatchObject({ id: 'box-1', grace: 10 });
    expect(asked('stop', '--grace', '0', 'box-1').options).toMatchObject({ id: 'box-1', grace: 0 });
    expect(asked('exec', '-t', 'box-1', 'ls', '-t', '--help').options).toEqual({
      containerDir,
      id: 'box-1',
      terminal: true,
      command: ['ls', '-t', '--help'],
    });
  });

  test.for([
    [[], 'nothing to do: the first word is "run", "ps", "logs", "exec", "stop" or "rm"'],
    [['--user', '5', 'ps'], 'there is no "ps" here: the first word is "run", "ps", "logs", "exec", "stop" or "rm"'],
    [['run', '-d', '-t', 'sh'], '-d and -t do not go together: nobody would be at the terminal'],
    [['run', '-v', '/a', 'sh'], '--volume takes HOST:DIR or HOST:DIR:ro, DIR from /, not "/a"'],
    [['run', '-v', '/a:b', 'sh'], '--volume takes HOST:DIR or HOST:DIR:ro, DIR from /, not "/a:b"'],
    [['run', '-v', '/a:/b:rw', 'sh'], '--volume takes HOST:DIR or HOST:DIR:ro, DIR from /, not "/a:/b:rw"'],
    [['ps', 'x'], 'ps takes no words, and "x" is one'],
    [['ps', '-d'], "Unknown option '-d'"],
    [['logs'], 'which container? box.ts logs ID; "box.ts ps" lists them'],
    [['rm', '..'], '".." is no id of a container: "box.ts ps" lists them'],
    [['rm', 'a/b'], '"a/b" is no id of a container: "box.ts ps" lists them'],
    [['rm', 'a', 'b'], 'rm takes one container, and "b" is one word more'],
    [['exec', 'a'], 'a command is missing: box.ts exec [-t] ID <command>'],
    [['stop', '--grace', 'soon', 'a'], '--grace takes a whole number of seconds, not "soon"'],
  ] as const)('%j is refused in one sentence', ([words, sentence]) => {
    expect(() => asked(...words)).toThrow(new RegExp(`^${RegExp.escape(sentence)}$`));
  });

  test('elsewhere there are none', () => {
    expect(() => parse('ps')).toThrow(/^there is no "ps" here: the first word is "run"$/);
    expect(() => parse('run', '-d', 'sh')).toThrow(/^Unknown option '-d'$/);
  });
});
