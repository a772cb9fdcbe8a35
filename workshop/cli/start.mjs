// Starts a command: node workshop/cli/start.mjs NAME …. Plain JavaScript, so that any Node can say what it lacks, or go
// into the virtual machine.
import { fileURLToPath } from 'node:url';
import { hasPinnedNode, pinnedNode, whereToRun } from './where.mjs';

const [, , name, ...words] = process.argv;
process.exitCode = await start();

async function start() {
  let where;
  try {
    where = whereToRun(name);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  if (where === 'vm') return await startInVirtualMachine();
  if (process.platform === 'linux' && !hasPinnedNode()) {
    process.stderr.write(
      `Not ready: this is Node ${process.versions.node}, and the workshop needs its own Node ${pinnedNode()}: run "npm ci", then start commands with "npm run".\n`,
    );
    return 3;
  }
  const file = new URL(`./${name}.ts`, import.meta.url);
  process.argv.splice(1, process.argv.length, fileURLToPath(file), ...words);
  const { main } = await import(file.href);
  return main === undefined ? process.exitCode : await main(words);
}

async function startInVirtualMachine() {
  const { NoMachine, runInVirtualMachine } = await import('./virtual-machine.mjs');
  try {
    return await runInVirtualMachine(name, words);
  } catch (error) {
    if (error instanceof RangeError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    if (!(error instanceof NoMachine)) throw error;
    process.stderr.write(`Not ready: ${error.message}\n`);
    return 3;
  }
}
