// Reads stdin more slowly than anybody writes, and prints how many bytes came.
import { setTimeout as delay } from 'node:timers/promises';
import { print } from './cases.ts';

let bytes = 0;
for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
  bytes += chunk.length;
  // Whoever writes fills the pipe in far less.
  await delay(1);
}
print({ bytes });
