// Grades that many submissions with a grader that is not ours and takes no time, and prints the most memory that it
// took, in bytes: of all that is around the graders.
//
//   many.ts COUNT FOLDER
import fs from 'node:fs';
import path from 'node:path';
import { openEmbeddedQueue } from '../../../workshop/class/embedded-queue.ts';
import type { GradingTerms } from '../../../workshop/class/grade-submission.ts';
import { takeIn } from '../../../workshop/class/intake.ts';
import { openJournal } from '../../../workshop/class/journal.ts';
import { writeOutputs } from '../../../workshop/class/outputs.ts';
import { entriesOf } from '../../../workshop/class/submission.ts';
import type { Worker } from '../../../workshop/class/worker.ts';
import { writeFolder } from '../archives.ts';
import { resultFor } from '../outcomes.ts';

const [count, folder] = [Number(process.argv[2]), process.argv[3]!];
const submissions = path.join(folder, 'submissions');
for (let index = 0; index < count; index += 1) {
  writeFolder(path.join(submissions, `student-${index}`), {
    'levels/00-fork-exec/box.ts': `// ${index}\n${'// padding\n'.repeat(1000)}`,
    'levels/05-uts-namespace/box.ts': `// ${index}\n${'// padding\n'.repeat(1000)}`,
  });
}
const worker: Worker = {
  grade: async ({ level }) => resultFor(level, 1),
  async forget() {},
  async [Symbol.asyncDispose]() {},
};
const terms: GradingTerms = {
  limits: { check: 1, level: 1, student: 1000 },
  hidden: [],
  graderVersion: 'test',
  asked: null,
  salt: '',
};
const out = path.join(folder, 'out');
fs.mkdirSync(out);
{
  using journal = openJournal(out, { faultsAgain: true });
  await using queue = openEmbeddedQueue([worker, worker], terms, (outcome) => void journal.add(outcome));
  for (const entry of entriesOf(submissions)) await queue.put(await takeIn(entry, null));
  await queue.drained();
  if (journal.size !== count) throw new Error(`${journal.size} outcomes of ${count}`);
  writeOutputs(out, journal, { classroom: 'a', assignment: 'b' }, { name: 'a class', asked: null });
}
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
