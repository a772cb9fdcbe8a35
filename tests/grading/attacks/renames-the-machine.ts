// Gives the host another name, in both ways.
import fs from 'node:fs';
import * as linux from '#linux';

linux.sethostname('renamed-by-call');
fs.writeFileSync('/proc/sys/kernel/hostname', 'renamed-by-file');
console.log(linux.gethostname());
