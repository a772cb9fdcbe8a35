// npm run doctor: whether this machine is ready, and what to do where it is not.
import { examineMachine, examineRoot } from '../machine.ts';
import { becomeRoot, command, exitStatus, findProgram, options, UsageError } from './command.ts';
import { type Finding, findingsAsked, hostFindings } from './findings.mjs';

const help = `Usage: npm run doctor [-- options]

Looks at what the workshop needs of this machine, and says what is missing and
which command mends it. With a virtual machine it looks at both.

  --json    the findings as JSON on stdout, and nothing else there
  --plain   words in place of symbols

Exit status: 0 ready, 3 not ready.
`;

async function main(argv: string[]): Promise<number> {
  const { positionals } = options({
    args: argv,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, plain: { type: 'boolean' } },
  });
  if (positionals.length > 0) throw new UsageError('doctor takes no words');
  const findings = JSON.parse(process.env[hostFindings] ?? '[]') as Finding[];
  const root = examineRoot(findProgram('sudo'));
  findings.push(root);
  if (!root.missing) {
    becomeRoot();
    findings.push(...(await examineMachine()));
  }
  process.stdout.write(findingsAsked(findings, argv));
  return findings.every(({ missing }) => !missing) ? exitStatus.passed : exitStatus.notReady;
}

await command(help, main);
