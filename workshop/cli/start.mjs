// @ts-check
// Starts a command: node workshop/cli/start.mjs NAME …. Plain JavaScript, so that any Node can say what it lacks, or go
// into the virtual machine.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hasPinnedNode, pinnedNode, whereToRun } from './where.mjs';

const [, , name = '', ...words] = process.argv;
const taken = takenByNpm();

if (!commands().includes(name)) {
  const asked = name === '' ? 'which command? There are' : `there is no command "${name}"; there are`;
  process.stderr.write(`${asked} ${commands().join(', ')}\n`);
  process.exitCode = 2;
} else if (taken !== null) {
  process.stderr.write(
    `npm has taken --${taken} for itself: write "--" before it, as in "npm run check level-05 -- --solution"\n`,
  );
  process.exitCode = 2;
} else if (whereToRun(name) === 'vm') {
  const { startInVirtualMachine } = await import('./virtual-machine.mjs');
  process.exitCode = await startInVirtualMachine(name, words);
} else if (process.platform === 'linux' && !hasPinnedNode()) {
  process.stderr.write(
    `Not ready: this is Node ${process.versions.node}, and the workshop needs its own Node ${pinnedNode()}: run "npm ci", then start commands with "npm run".\n`,
  );
  process.exitCode = 3;
} else {
  const file = new URL(`./${name}.ts`, import.meta.url);
  process.argv.splice(1, process.argv.length, fileURLToPath(file), ...words);
  const { rememberCompiled } = await import('../compile-cache.mjs');
  rememberCompiled();
  const { main } = await import(file.href);
  if (main !== undefined) process.exitCode = await main(words);
}

/** The commands: one file each, beside this one, and what they share. */
function commands() {
  return readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.ts') && file !== 'command.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

/** An option of ours that stood before the words `--`: npm hands it on as a setting of its own. null where none did. */
function takenByNpm() {
  const ours = [
    'solution',
    'file',
    'seed',
    'plain',
    'junit',
    'on-host',
    'mine',
    'auto',
    'pause',
    'here',
    'resume',
    'queue',
  ];
  return ours.find((option) => process.env[`npm_config_${option.replaceAll('-', '_')}`] !== undefined) ?? null;
}
