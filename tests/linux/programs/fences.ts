// Capabilities, no_new_privs, and filters of system calls.
import fs from 'node:fs';
import * as linux from '#linux';
import * as seccomp from '#linux/seccomp';
import { codeOf, inChild, print, runCase, statusOf, thrown } from './cases.ts';

const sets = (): string[] =>
  ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((name) => statusOf()[name]!.replace(/^0+/, ''));
const load = (filter: seccomp.ScmpFilterCtx): void => {
  linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1);
  seccomp.seccomp_load(filter);
};
const number = seccomp.seccomp_syscall_resolve_name;
/** Becomes a shell, and prints what the kernel then says of it. */
const become = (script: string): never => linux.execvp('sh', ['sh', '-c', script]);
const isLibraryMapped = (): boolean => fs.readFileSync('/proc/self/maps', 'utf8').includes('libseccomp');

const startThread = `
  const { Worker } = require('node:worker_threads');
  new Worker('console.log(JSON.stringify("a thread"))', { eval: true });`;

await runCase({
  capset() {
    inChild(() => {
      linux.capset({
        effective: [linux.CAP_KILL],
        permitted: [linux.CAP_KILL, linux.CAP_CHECKPOINT_RESTORE],
        inheritable: [linux.CAP_KILL],
      });
      print(sets());
      print(linux.capget());
      print(thrown(() => linux.capset({ effective: [], permitted: [linux.CAP_CHOWN], inheritable: [] })));
      linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_RAISE, linux.CAP_KILL);
      print([sets()[3], linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_IS_SET, linux.CAP_KILL)]);
      linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL);
      print(sets()[3]);
      print(thrown(() => linux.capset({ effective: [64], permitted: [], inheritable: [] }))?.['message']);
    });
  },

  bounding() {
    inChild(() => {
      print(linux.prctl(linux.PR_CAPBSET_READ, linux.CAP_SYS_ADMIN));
      linux.prctl(linux.PR_CAPBSET_DROP, linux.CAP_SYS_ADMIN);
      print(linux.prctl(linux.PR_CAPBSET_READ, linux.CAP_SYS_ADMIN));
      print(thrown(() => linux.prctl(linux.PR_CAPBSET_DROP, 63))?.['message']);
      // Root has it now all the same, until it executes something.
      print((BigInt(`0x${statusOf()['CapEff']}`) >> BigInt(linux.CAP_SYS_ADMIN)) & 1n ? 'has it' : 'has it not');
      become(`mount -t tmpfs tmpfs /tmp 2> /dev/null || echo '"lost it"'`);
    });
  },

  filter() {
    print(isLibraryMapped());
    inChild(() => {
      const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
      seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.EPERM), number('sethostname'));
      seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.ENOSYS), number('unshare'), {
        arg: 0,
        op: seccomp.SCMP_CMP_MASKED_EQ,
        datum_a: linux.CLONE_NEWUTS,
        datum_b: linux.CLONE_NEWUTS,
      });
      print(statusOf()['Seccomp']);
      load(filter);
      seccomp.seccomp_release(filter);
      print([statusOf()['Seccomp'], statusOf()['NoNewPrivs']]);
      print([
        codeOf(() => linux.sethostname('x')),
        codeOf(() => linux.unshare(linux.CLONE_NEWUTS | linux.CLONE_NEWIPC)),
        codeOf(() => linux.unshare(linux.CLONE_NEWIPC)),
      ]);
    });
  },

  'allow list'() {
    print(
      inChild(() => {
        const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_KILL_PROCESS);
        for (const name of ['write', 'exit_group', 'getpid']) {
          seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ALLOW, number(name));
        }
        load(filter);
        linux.umask(0);
      }).signal,
    );
  },

  'not allowed'() {
    print(
      inChild(() => {
        const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
        seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.EPERM), number('sethostname'));
        linux.setuid(65534);
        print(thrown(() => seccomp.seccomp_load(filter))?.['message']);
        print(statusOf()['NoNewPrivs']);
      }).exitCode,
    );
  },

  errors() {
    const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
    print(thrown(() => seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ALLOW, number('mount')))?.['message']);
    print(thrown(() => number('no_such_call'))?.['message']);
    print(thrown(() => seccomp.seccomp_init(5))?.['message']);
  },

  'another root'() {
    inChild(() => {
      linux.chroot(fs.mkdtempSync('root-'));
      print(thrown(() => seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW))?.['message']);
    });
  },

  comparisons() {
    // sethostname("x", 1): the second argument is 1.
    for (const [op, datum_a] of [
      [seccomp.SCMP_CMP_EQ, 1],
      [seccomp.SCMP_CMP_EQ, 2],
      [seccomp.SCMP_CMP_NE, 1],
      [seccomp.SCMP_CMP_NE, 2],
    ] as const) {
      inChild(() => {
        const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
        seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.EPERM), number('sethostname'), {
          arg: 1,
          op,
          datum_a,
        });
        load(filter);
        print(codeOf(() => linux.sethostname('x')));
      });
    }
  },

  'threads of a program'() {
    inChild(() => {
      const filter = seccomp.seccomp_init(seccomp.SCMP_ACT_ALLOW);
      seccomp.seccomp_rule_add(filter, seccomp.SCMP_ACT_ERRNO(seccomp.ENOSYS), number('clone3'));
      load(filter);
      linux.execvp(process.execPath, [process.execPath, '-e', startThread]);
    });
  },
});
