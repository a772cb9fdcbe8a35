// Uses tar for the first time after it has changed its root to an empty directory, and prints what it is told.
import * as tar from 'tar';
import * as linux from '#linux';

linux.chroot('.');
process.chdir('/');
try {
  tar.list({ file: 'none.tar', sync: true });
} catch (error) {
  console.log((error as Error).message);
}
