// Takes memory until there is none.
const taken: Buffer[] = [];
for (;;) taken.push(Buffer.alloc(64 * 1024 * 1024, 1));

export {};
