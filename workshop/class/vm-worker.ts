// A worker that grades in a virtual machine of its own: for submissions of strangers. The machine is booted once and
// kept as it was then; before each student it is put back to that, memory and disks. It has no network, and nothing of
// this machine but the workshop. What attacks its kernel wins a machine that is about to be forgotten.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { GraderFault } from '../grading/grader.ts';
import type { GradeResult } from '../grading/result.ts';
import { NoTestbed } from '../grading/testbed.ts';
import type { VmDisks } from './vm-disks.ts';
import { LevelStopped, type Worker, type WorkerJob } from './worker.ts';

/** The first line that goes into the machine: the limit that its graders are to hold to, in seconds. */
export type VmBeginning = { warm: number };
/** What goes into it then, a line of JSON each. */
export type VmJob = { job: WorkerJob };
/** What comes out. */
export type VmAnswer =
  | { kind: 'ready' }
  | { kind: 'result'; result: GradeResult }
  | { kind: 'fault' | 'no-testbed'; message: string };

/** MiB. A level has up to three testbeds at a time, of which hardly one needs what it may take. */
const MEMORY = Number(process.env['BOXWRIGHT_GRADE_VM_MEMORY'] ?? 2048);
/** Seconds in which a machine is there, also an emulated one on a busy computer. */
const BOOT_PATIENCE = 900;
/** Times that an emulated machine is slower. Limits are longer by that. */
const EMULATION = 16;
/** Bytes of an answer; a machine that was taken over may say anything. */
const ANSWER_LIMIT = 8 * 1024 ** 2;
/** The name of what the machine is put back to. */
const CLEAN = 'clean';

/** A machine that is up. */
type Machine = {
  qemu: ChildProcess;
  port: net.Socket;
  answers: AsyncIterator<VmAnswer>;
  monitor(command: string): Promise<void>;
};

/** Whether machines run on the processor itself; BOXWRIGHT_GRADE_VM=emulated says no. */
function hasKvm(): boolean {
  if (process.env['BOXWRIGHT_GRADE_VM'] === 'emulated') return false;
  try {
    fs.accessSync('/dev/kvm', fs.constants.R_OK | fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens a worker. @param folder its own, for sockets and layers; it is removed with it */
export function openVmWorker(folder: string, disks: VmDisks): Worker {
  let machine: Machine | null = null;
  let clean = false;

  async function end(): Promise<void> {
    const ending = machine;
    machine = null;
    if (ending === null) return;
    ending.port.destroy();
    if (ending.qemu.exitCode !== null || ending.qemu.signalCode !== null) return;
    const gone = once(ending.qemu, 'exit');
    ending.qemu.kill('SIGKILL');
    await gone;
  }

  /** A machine in which nobody has been. */
  async function cleanMachine(check: number): Promise<Machine> {
    if (machine !== null && !clean) {
      try {
        await machine.monitor(`loadvm ${CLEAN}`);
      } catch {
        await end();
      }
    }
    machine ??= await boot(folder, disks, check);
    clean = false;
    return machine;
  }

  let here: Machine | null = null;
  let closed = false;
  return {
    async grade(job) {
      if (closed) await new Promise(() => {});
      const scale = hasKvm() ? 1 : EMULATION;
      here ??= await cleanMachine(job.check * scale);
      const asked: VmJob = { job: { ...job, hidden: [], check: job.check * scale, seconds: job.seconds * scale } };
      const stop = new AbortController();
      try {
        here.port.write(`${JSON.stringify(asked)}\n`);
        const late = delay(job.seconds * scale * 1000, null, { signal: stop.signal });
        late.catch(() => {});
        const answer = await Promise.race([here.answers.next(), late]);
        if (answer === null) throw new LevelStopped(`it took longer than ${Math.round(job.seconds)} seconds`);
        if (answer.done) throw new GraderFault('the virtual machine ended');
        switch (answer.value.kind) {
          case 'result':
            return answer.value.result;
          case 'no-testbed':
            throw new NoTestbed(answer.value.message);
          case 'fault':
          case 'ready':
            throw new GraderFault(
              answer.value.kind === 'fault' ? answer.value.message : 'the virtual machine began anew',
            );
        }
      } catch (error) {
        // The same student in a clean machine: what came before may be what broke it.
        here = null;
        throw error;
      } finally {
        stop.abort();
      }
    },
    async forget() {
      here = null;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      here = null;
      await end();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a machine, waits until its agent is ready, and keeps that moment. @throws GraderFault */
async function boot(folder: string, disks: VmDisks, check: number): Promise<Machine> {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [portPath, monitorPath, console] = ['port', 'monitor', 'console'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const name of [portPath, monitorPath]) fs.rmSync(name, { force: true });
  const init =
    'mkdir -p /run/boxwright-disk && mount -o ro /dev/vdc /run/boxwright-disk && exec sh /run/boxwright-disk/workshop/class/vm-init.sh';
  const words = [
    hasKvm() ? '-accel kvm -cpu host' : '-accel tcg -cpu Nehalem',
    `-machine q35 -smp 1 -m ${MEMORY} -no-reboot -nodefaults -no-user-config -display none -nic none`,
    '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-device virtio-serial-pci -device virtserialport,chardev=port,nr=1 -device virtio-rng-pci',
  ].flatMap((line) => line.split(' '));
  const disk = (file: string, format: string): string =>
    `file=${file},if=virtio,format=${format},snapshot=on,cache=unsafe`;
  words.push('-serial', `file:${console}`, '-kernel', disks.kernel, '-initrd', disks.initrd);
  words.push('-append', `${disks.cmdline} panic=-1 init=/bin/sh -- -c "${init}"`);
  words.push('-drive', disk(disks.debian, 'qcow2'), '-drive', disk(disks.packages, 'raw'));
  words.push('-drive', disk(disks.project, 'raw'));
  words.push('-chardev', `socket,id=port,path=${portPath},server=on,wait=on`);
  words.push('-qmp', `unix:${monitorPath},server=on,wait=off`);
  // The kernel ends it when we die, however that happens. Its layers go to our folder.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
    detached: true,
  });
  let complaint = '';
  qemu.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const gone = once(qemu, 'exit').then((): never => {
    throw new GraderFault(`the virtual machine did not start: ${complaint.trim() || tail(console)}`);
  });
  gone.catch(() => {});
  try {
    const port = await Promise.race([connect(portPath), gone]);
    const answers = answersOf(port);
    const monitor = await Promise.race([connect(monitorPath), gone]);
    const machine: Machine = { qemu, port, answers, monitor: openMonitor(monitor) };
    const patience = new AbortController();
    port.write(`${JSON.stringify({ warm: check } satisfies VmBeginning)}\n`);
    const late = delay(BOOT_PATIENCE * 1000, null, { signal: patience.signal });
    late.catch(() => {});
    const first = await Promise.race([answers.next(), late, gone]);
    patience.abort();
    if (first === null || first.done || first.value.kind !== 'ready') {
      throw new GraderFault(`the virtual machine did not get ready: ${tail(console)}`);
    }
    await machine.monitor(`savevm ${CLEAN}`);
    return machine;
  } catch (error) {
    qemu.kill('SIGKILL');
    throw error;
  }
}

async function connect(file: string): Promise<net.Socket> {
  for (;;) {
    const socket = net.connect(file);
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await delay(50);
    }
  }
}

/** The answers as they come; ends where one is no answer. */
async function* answersOf(port: net.Socket): AsyncGenerator<VmAnswer> {
  port.on('error', () => {});
  let rest = '';
  for await (const text of port.setEncoding('utf8')) {
    rest += text as string;
    if (rest.length > ANSWER_LIMIT) return;
    for (let newline = rest.indexOf('\n'); newline !== -1; newline = rest.indexOf('\n')) {
      const line = rest.slice(0, newline);
      rest = rest.slice(newline + 1);
      try {
        yield JSON.parse(line) as VmAnswer;
      } catch {
        return;
      }
    }
  }
}

/** What gives the machine's monitor a command. See QEMU's documentation of QMP. @throws Error with what it complains of */
function openMonitor(socket: net.Socket): (command: string) => Promise<void> {
  const replies = createInterface({ input: socket })[Symbol.asyncIterator]();
  let ready = false;
  const ask = async (request: object): Promise<unknown> => {
    socket.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const { value, done } = await replies.next();
      if (done) throw new GraderFault('the monitor of the virtual machine is gone');
      const reply = JSON.parse(value) as { return?: unknown; error?: { desc: string } };
      if (reply.error !== undefined) throw new GraderFault(reply.error.desc);
      // A greeting and events have neither.
      if ('return' in reply) return reply.return;
    }
  };
  return async (command) => {
    if (!ready) await ask({ execute: 'qmp_capabilities' });
    ready = true;
    const said = await ask({ execute: 'human-monitor-command', arguments: { 'command-line': command } });
    if (typeof said === 'string' && said.trim() !== '') throw new GraderFault(`${command}: ${said.trim()}`);
  };
}

function tail(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').slice(-500).trim() : 'it said nothing';
}
