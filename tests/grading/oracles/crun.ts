// A box.ts that leaves the container to crun.
import { boxWith } from './oci.ts';

boxWith('crun');
