// The colours of all commands; none where NO_COLOR is set, which chalk does not look at. See https://no-color.org.
import { Chalk } from 'chalk';

export const ink = new Chalk(process.env['NO_COLOR'] ? { level: 0 } : {});
