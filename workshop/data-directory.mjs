// @ts-check
import path from 'node:path';

/**
 * Images and containers; BOXWRIGHT_HOME overrides it. Never in a synced folder: overlay needs a real filesystem.
 *
 * @returns {string}
 */
export function dataDirectory() {
  return path.resolve(process.env['BOXWRIGHT_HOME'] || '/var/lib/boxwright');
}
