// Loaded before a box.ts that lies outside the checkout: its `#linux`, `#command-line` and packages are this workshop's.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier.startsWith('.') || specifier.startsWith('/') || /^[a-z]+:/.test(specifier)) {
      const resolved = nextResolve(specifier, context);
      // A lone file has no package.json that says it is an ES module.
      return resolved.url.endsWith('.ts') ? { ...resolved, format: 'module-typescript' } : resolved;
    }
    return nextResolve(specifier, { ...context, parentURL: import.meta.url });
  },
});
