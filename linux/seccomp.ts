// Filters of system calls. See seccomp(2), seccomp_init(3) and the others of libseccomp, which writes the filter's program.
//
// Not in index.ts: import * as seccomp from '#linux/seccomp'. A program without a filter reads neither this file nor the
// library, which would add to the time in which it starts.
import { flagBits, text, whole } from './argument.ts';
import { failed } from './call.ts';
import { type CFunction, openLibrary } from './libc.ts';
import { stepping, stop } from './step.ts';
import { record, tracing } from './trace.ts';

// asm-generic/errno-base.h, asm-generic/errno.h
/** Not permitted: what a filter usually answers. */
export const EPERM = 1;
/** There is no such system call: what a kernel answers that is too old for it. */
export const ENOSYS = 38;

// linux/seccomp.h, where these are called SECCOMP_RET_*
/** The call is made. */
export const SCMP_ACT_ALLOW = 0x7fff_0000;
/** The call is made, and the kernel writes it to its log. */
export const SCMP_ACT_LOG = 0x7ffc_0000;
/** The process is killed by SIGSYS. */
export const SCMP_ACT_KILL_PROCESS = 0x8000_0000;
const SECCOMP_RET_ERRNO = 0x0005_0000;

/** The call is not made, and answers with this error: `SCMP_ACT_ERRNO(EPERM)`. See seccomp_init(3). */
export function SCMP_ACT_ERRNO(errnum: number): number {
  return SECCOMP_RET_ERRNO | whole('SCMP_ACT_ERRNO', 'errnum', errnum, 0, 0xffff);
}

// seccomp.h, enum scmp_compare
/** A comparison: the argument is not datum_a. */
export const SCMP_CMP_NE = 1;
/** A comparison: the argument is datum_a. */
export const SCMP_CMP_EQ = 4;
/** A comparison: of the argument's bits, those in datum_a are as in datum_b. */
export const SCMP_CMP_MASKED_EQ = 7;

/** A comparison with an argument of the system call. See seccomp_rule_add(3). */
export type ScmpArgCmp = {
  /** Which argument, counted from 0. */
  arg: number;
  /** SCMP_CMP_EQ or another one. */
  op: number;
  datum_a: number;
  /** SCMP_CMP_MASKED_EQ only. */
  datum_b?: number;
};

/** A filter that is being put together. */
export type ScmpFilterCtx = { readonly native: bigint };

/** sizeof(struct scmp_arg_cmp) */
const COMPARISON_SIZE = 24;
const SCMP_FLTATR_CTL_NNP = 3;
const SCMP_FLTATR_API_SYSRAWRC = 9;
/** seccomp.h: no system call of that name is known. */
const __NR_SCMP_ERROR = -1;
const EINVAL = 22;

type Library = {
  init: CFunction;
  attributeSet: CFunction;
  ruleAdd: CFunction;
  load: CFunction;
  release: CFunction;
  resolveName: CFunction;
};
let opened: Library | undefined;

function library(): Library {
  opened ??= open();
  return opened;
}

function open(): Library {
  let declare: ReturnType<typeof openLibrary>;
  try {
    declare = openLibrary('libseccomp.so.2');
  } catch (cause) {
    throw new Error(
      'libseccomp.so.2 cannot be opened: it is a file of the host, so a process whose root is another one does not find it. On a host without it: sudo apt-get install libseccomp2',
      { cause },
    );
  }
  return {
    init: declare('uintptr_t seccomp_init(uint32_t def_action)'),
    attributeSet: declare('int seccomp_attr_set(uintptr_t ctx, int attr, uint32_t value)'),
    ruleAdd: declare(
      'int seccomp_rule_add_array(uintptr_t ctx, uint32_t action, int syscall, unsigned int arg_cnt, const void *arg_array)',
    ),
    load: declare('int seccomp_load(uintptr_t ctx)'),
    release: declare('void seccomp_release(uintptr_t ctx)'),
    resolveName: declare('int seccomp_syscall_resolve_name(const char *name)'),
  };
}

/**
 * Begins a filter. Calls of another architecture than this machine's, such as 32-bit ones, kill the process whatever
 * its rules are. See seccomp_init(3).
 *
 * @param def_action what becomes of calls that no rule names: SCMP_ACT_ALLOW, or SCMP_ACT_ERRNO(EPERM)
 * @throws Error where libseccomp cannot be opened; it must be before the root becomes another one
 * @throws LinuxError EINVAL for an action that there is not
 */
export function seccomp_init(def_action: number): ScmpFilterCtx {
  const action = flagBits('seccomp_init', 'def_action', def_action);
  const { init, attributeSet } = library();
  let native = 0n;
  const begin = (): number => {
    native = BigInt(init(action));
    return native === 0n ? -EINVAL : 0;
  };
  make('seccomp_init', begin, [action], seccomp_init, [showAction(action)]);
  // libseccomp would also set no_new_privs when the filter is loaded. Here that is a step of its own.
  attributeSet(native, SCMP_FLTATR_CTL_NNP, 0);
  // And it would say ECANCELED for every error of the kernel's.
  attributeSet(native, SCMP_FLTATR_API_SYSRAWRC, 1);
  return { native };
}

/**
 * Adds a rule: what becomes of a system call, or of those of its calls for which all comparisons hold.
 * See seccomp_rule_add(3).
 *
 * @param action SCMP_ACT_*, another one than that of seccomp_init
 * @param syscall its number, from seccomp_syscall_resolve_name; a number from another architecture has no effect
 * @throws LinuxError EACCES for the action of seccomp_init, EINVAL, EEXIST
 */
export function seccomp_rule_add(
  ctx: ScmpFilterCtx,
  action: number,
  syscall: number,
  ...comparisons: readonly ScmpArgCmp[]
): void {
  const bits = flagBits('seccomp_rule_add', 'action', action);
  const number = whole('seccomp_rule_add', 'syscall', syscall);
  const array = Buffer.alloc(COMPARISON_SIZE * comparisons.length);
  comparisons.forEach(({ arg, op, datum_a, datum_b = 0 }, index) => {
    const at = COMPARISON_SIZE * index;
    array.writeUInt32LE(whole('seccomp_rule_add', 'arg', arg, 0, 5), at);
    array.writeUInt32LE(whole('seccomp_rule_add', 'op', op, 1, 7), at + 4);
    array.writeBigUInt64LE(datum('datum_a', datum_a), at + 8);
    array.writeBigUInt64LE(datum('datum_b', datum_b), at + 16);
  });
  const add = (): number => library().ruleAdd(ctx.native, bits, number, comparisons.length, array);
  const shown = ['filter', showAction(bits), String(number), ...comparisons.map((one) => JSON.stringify(one))];
  make('seccomp_rule_add', add, [ctx, bits, number, ...comparisons], seccomp_rule_add, shown);
}

/**
 * Hands the filter to the kernel: from here on it holds for the caller and for all that it starts, and cannot be taken
 * away. Needs no_new_privs or CAP_SYS_ADMIN, and does not set the first by itself. See seccomp_load(3).
 *
 * @throws LinuxError EACCES where the caller has neither
 */
export function seccomp_load(ctx: ScmpFilterCtx): void {
  make('seccomp_load', () => library().load(ctx.native), [ctx], seccomp_load, ['filter']);
}

/** Forgets a filter; once it is loaded, the kernel has its own copy. See seccomp_release(3). */
export function seccomp_release(ctx: ScmpFilterCtx): void {
  library().release(ctx.native);
}

/**
 * The number of a system call on this architecture. Below zero for one that only other architectures have: a rule for
 * it has no effect. See seccomp_syscall_resolve_name(3).
 *
 * @throws Error where libseccomp knows no such name
 */
export function seccomp_syscall_resolve_name(name: string): number {
  const number = library().resolveName(text('seccomp_syscall_resolve_name', 'name', name));
  if (number === __NR_SCMP_ERROR) throw new Error(`libseccomp knows no system call "${name}"`);
  return number;
}

/** Does what `call` does. These functions return the error's number, negated, in place of setting errno. */
function make(
  name: string,
  native: () => number,
  args: readonly unknown[],
  caller: (...args: never[]) => unknown,
  shown: string[],
): void {
  if (stepping) stop('before', name, shown, caller);
  const result = native();
  const failure = result < 0 ? -result : 0;
  if (tracing) record(name, shown, { phase: 'done', result, errno: failure }, caller);
  if (stepping) stop('after', name, shown, caller);
  if (failure !== 0) throw failed(name, failure, args, caller, shown);
}

function datum(parameter: string, value: number): bigint {
  return BigInt(whole('seccomp_rule_add', parameter, value, 0, Number.MAX_SAFE_INTEGER));
}

function showAction(action: number): string {
  if (action >>> 16 === SECCOMP_RET_ERRNO >>> 16) return `SCMP_ACT_ERRNO(${action & 0xffff})`;
  const known = Object.entries({ SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_KILL_PROCESS });
  return known.find(([, value]) => value === action)?.[0] ?? `0x${action.toString(16)}`;
}
