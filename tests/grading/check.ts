// Runs `check` as a student does, for the tests of the graders.
import { execa } from 'execa';
import path from 'node:path';
import type { GradeResult } from '../../workshop/grading/result.ts';
import { workshopRoot } from '../../workshop/paths.ts';

/** Runs `npm run check` with these words; what it printed and its exit status. */
export async function check(
  ...words: string[]
): Promise<{ stdout: string; stderr: string; exitCode: number | undefined }> {
  const command = path.join(workshopRoot, 'workshop/cli/check.ts');
  const { stdout, stderr, exitCode } = await execa(process.execPath, [command, ...words], {
    reject: false,
    stdin: 'ignore',
  });
  return { stdout, stderr: withoutSweeping(stderr), exitCode };
}

/** Other tests that run at the same time kill graders, and whatever check is next says what it swept. */
function withoutSweeping(stderr: string): string {
  return stderr.replaceAll(/^Swept what a killed run left: .*(?:\n|$)/gm, '').trimEnd();
}

/** The result of `check --json`. */
export async function checkJson(...words: string[]): Promise<GradeResult> {
  const { stdout, stderr } = await check(...words, '--json');
  try {
    return JSON.parse(stdout) as GradeResult;
  } catch {
    throw new Error(`check ${words.join(' ')} printed no JSON: ${stdout}${stderr}`);
  }
}
