// The colours of the demo; none where NO_COLOR is set, which chalk does not look at.
import { Chalk } from 'chalk';

export const ink = new Chalk(process.env['NO_COLOR'] === undefined ? {} : { level: 0 });
