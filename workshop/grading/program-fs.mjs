// What `import fs from 'node:fs'` gives a box.ts: see program-loader.cts.
export default process.getBuiltinModule('node:fs');
