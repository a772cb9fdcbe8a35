// A box.ts that leaves the container to runc.
import { boxWith } from './oci.ts';

boxWith('runc');
