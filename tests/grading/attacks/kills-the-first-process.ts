// Kills PID 1 of its host, and so the whole of it: a tracer's end may end what it traces. See ptrace(2).
import { libc } from '../../../linux/libc.ts';

const ptrace = libc('long ptrace(long request, int pid, long address, long data)');
const PTRACE_SEIZE = 0x4206;
const PTRACE_O_EXITKILL = 0x100000;
if (ptrace(PTRACE_SEIZE, 1, 0, PTRACE_O_EXITKILL) === -1) throw new Error('PID 1 cannot be traced');
process.exit(0);
