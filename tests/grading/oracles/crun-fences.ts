// A box.ts that leaves the container to crun, with the fences of engines.
import { boxWith } from './oci.ts';
import { engineFences } from './engine-fences.ts';

boxWith('crun', engineFences());
