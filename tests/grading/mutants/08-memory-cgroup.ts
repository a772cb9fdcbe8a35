// Mutants of level 08 that pass, and why.
import type { Excuse } from '../mutation.ts';

export const excuses: readonly Excuse[] = [
  {
    because: 'Done again, it changes nothing.',
    mutants: [
      'repeated in run: memoryLimits(memory, memorySwap)',
      'repeated in run: makeCgroups(path.basename(directory))',
      'repeated in makeCgroup: findController(controller)',
      'repeated in makeCgroup: fs.mkdirSync(directory, { recursive: true });',
      'repeated in writeTo: fs.writeFileSync(path.join(cgroup, file), value);',
      "repeated in memoryLimits: bytesOf('--memory', memory)",
      'repeated in limitMemory: writeTo(directory, limit, String(memory));',
    ],
  },
  {
    because: 'These steps do not need one another: any order will do.',
    mutants: [
      'swapped in run: if (limits !== null) limitMemory(cgroups.memory, limits); || if (cpuShares !== null) limitCpu(cgroups.cpu, cpuShares);',
      'exchanged in directoriesOf: { cpu: memory, memory: cpu }: Cgroups',
      'exchanged in directoriesOf: return new Set([memory.directory, cpu.directory]);',
      'exchanged in makeCgroup: return { directory, version };',
      'swapped in makeCgroup: const directory = path.join(parent, id); || if (version === 2) { for (const above of [mountPoint, parent]) wr…',
      "swapped in limitMemory: const swapLimit = version === 1 ? 'memory.memsw.limit_in_bytes' :… || const limit = version === 1 ? 'memory.limit_in_bytes' : 'memory.m…",
      "swapped in limitMemory: writeTo(directory, limit, String(memory)); || const swapLimit = version === 1 ? 'memory.memsw.limit_in_bytes' :…",
      "swapped in contain: for (const cgroup of directoriesOf(cgroups)) writeTo(cgroup, 'cgr… || linux.prctl(linux.PR_SET_PDEATHSIG, linux.SIGKILL);",
    ],
  },
  {
    because: 'An image that is unpacked stays for the next container: it is nothing of the one that was refused.',
    mutants: [
      'swapped in run: const lowerdir = unpackOnce(imageDir, image); || const limits = memoryLimits(memory, memorySwap);',
    ],
  },
  {
    because:
      'It fails one step later, with a worse error: the cgroup is gone already, so it can be neither joined nor removed.',
    mutants: ['repeated in run: removeCgroups(cgroups);', 'removed in run: throw error;'],
  },
  {
    because:
      'On v1 every cgroup has its controller, so nothing is handed down there; and each controller has its own tree.',
    wrongWith: 'v2',
    mutants: [
      'swapped in makeCgroup: if (version === 2) { for (const above of [mountPoint, parent]) wr… || fs.mkdirSync(parent, { recursive: true });',
      'constant in makeCgroup: recursive: false #2',
    ],
  },
  {
    because: 'On v1 the condition is true anyway.',
    wrongWith: 'v2',
    mutants: [
      'condition in limitCpu: true in place of version === 1',
      'condition in limitMemory: true in place of version === 1',
      'condition in limitMemory: true in place of version === 1 #2',
      'condition in limitMemory: true in place of version === 1 #3',
      'condition in ranOutOfMemory: true in place of version === 1',
    ],
  },
  {
    because: 'It is wrong where the kernel does not count swap: there the same checks fail. This one does.',
    mutants: [
      'removed in limitMemory: if (!fs.existsSync(path.join(directory, swapLimit))) return;',
      'condition in limitMemory: false in place of !fs.existsSync(path.join(directory, swapLimit))',
      'swapped in limitMemory: if (!fs.existsSync(path.join(directory, swapLimit))) return; || writeTo(directory, limit, String(memory));',
      'swapped in limitMemory: if (version === 1) writeTo(directory, swapLimit, total === Infini… || if (!fs.existsSync(path.join(directory, swapLimit))) return;',
    ],
  },
  {
    because: 'A new cgroup has no limit, and writing nothing leaves it so.',
    mutants: ["constant in limitMemory: writeTo(directory, swapLimit, total === Infinity ? '' : String(total))"],
  },
  {
    because: 'The file has one such line in either version, from its first letter to its end, and it is there.',
    mutants: [
      "dropped in ranOutOfMemory: const [, kills] = /^oom_kill (\\d+)$/m.exec(fs.readFileSync(path.join(directory, file), 'utf8'));",
      "constant in ranOutOfMemory: /oom_kill (\\d+)$/m.exec(fs.readFileSync(path.join(directory, file), 'utf8'))",
      "constant in ranOutOfMemory: /^oom_kill (\\d+)/m.exec(fs.readFileSync(path.join(directory, file), 'utf8'))",
      "dropped in ranOutOfMemory: return kills !== '0';",
    ],
  },
  {
    because: 'Without an encoding it is a Buffer, which exec turns into the same text.',
    mutants: ["constant in ranOutOfMemory: fs.readFileSync(path.join(directory, file), '')"],
  },
];
