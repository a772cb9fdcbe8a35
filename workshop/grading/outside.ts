// The world beyond a testbed's host: a process with a network namespace of its own, which answers questions for one name,
// and tells whoever connects to it who they are to it. Runs in the testbed: outside.ts NAME ADDRESS
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';

const [name = '', address = ''] = process.argv.slice(2);

/** The answer to a question for names. See RFC 1035, section 4. */
function answerTo(question: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at]!; length > 0; length = question[at]!) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const isAddress = question.readUInt16BE(at + 1) === 1;
  const known = labels.join('.').toLowerCase() === name;
  const answer = Buffer.concat([
    // The name is that of the question; of type A and class IN; good for no time at all.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]),
    Buffer.from(address.split('.').map(Number)),
  ]);
  const answered = known && isAddress;
  const head = Buffer.alloc(12);
  question.copy(head, 0, 0, 2);
  // An answer, by somebody who knows; 3: there is no such name.
  head.writeUInt16BE(0x8580 | (known ? 0 : 3), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answered ? 1 : 0, 6);
  return Buffer.concat([head, question.subarray(12, at + 5), ...(answered ? [answer] : [])]);
}

const names = dgram.createSocket('udp4');
names.on('message', (question, { port, address: asker }) => {
  if (question.length > 16) names.send(answerTo(question), port, asker);
});
const greetings = net.createServer((connection) => {
  connection.on('error', () => {});
  connection.end(`you are ${connection.remoteAddress}\n`);
});

await Promise.all([once(names.bind(53, '0.0.0.0'), 'listening'), once(greetings.listen(80, '0.0.0.0'), 'listening')]);
fs.writeSync(1, 'ready\n');
