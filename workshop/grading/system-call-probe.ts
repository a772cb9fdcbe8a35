// The smallest programs: each makes one system call, says how that ended, and is gone. For calls that no program of our
// images makes. They are handed to a container in the words of a shell script, so nothing of the host has to be in it.

/** Numbers of system calls: asm/unistd_64.h, asm-generic/unistd.h. */
const numbers = {
  add_key: { x64: 248, arm64: 217 },
  clone: { x64: 56, arm64: 220 },
  clone3: { x64: 435, arm64: 435 },
  exit: { x64: 60, arm64: 93 },
  io_uring_setup: { x64: 425, arm64: 425 },
  keyctl: { x64: 250, arm64: 219 },
  mount: { x64: 165, arm64: 40 },
  perf_event_open: { x64: 298, arm64: 241 },
  setns: { x64: 308, arm64: 268 },
  setuid: { x64: 105, arm64: 146 },
  socket: { x64: 41, arm64: 198 },
  unshare: { x64: 272, arm64: 97 },
} as const;

export type ProbedCall = keyof typeof numbers;
type Architecture = 'x64' | 'arm64';

/** Bytes. */
const ELF_HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
/** Where the file comes to lie in memory. */
const BASE = 0x40_0000;

/**
 * A program, as the bytes of its file, that makes the call with these first arguments (0 for the others) and ends with
 * the error's number as its status, 0 where there was none.
 */
export function probeProgram(
  call: ProbedCall,
  args: readonly number[],
  architecture = process.arch as Architecture,
): Buffer {
  const code = (architecture === 'arm64' ? arm64Code : x64Code)(call, args);
  const start = ELF_HEADER_SIZE + PROGRAM_HEADER_SIZE;
  const file = Buffer.alloc(start);
  // elf(5): 64 bits, little-endian, version 1.
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  const EM_X86_64 = 62;
  const EM_AARCH64 = 183;
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(architecture === 'arm64' ? EM_AARCH64 : EM_X86_64, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + start), 24);
  file.writeBigUInt64LE(BigInt(ELF_HEADER_SIZE), 32);
  file.writeUInt16LE(ELF_HEADER_SIZE, 52);
  file.writeUInt16LE(PROGRAM_HEADER_SIZE, 54);
  file.writeUInt16LE(1, 56);
  // The whole file is one segment: PT_LOAD, readable and executable.
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(BigInt(BASE), 80);
  file.writeBigUInt64LE(BigInt(BASE), 88);
  file.writeBigUInt64LE(BigInt(start + code.length), 96);
  file.writeBigUInt64LE(BigInt(start + code.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([file, code]);
}

/** A shell script that writes such a program to `file`, for everybody to execute. */
export function writeProbe(file: string, call: ProbedCall, args: readonly number[] = []): string {
  const octal = [...probeProgram(call, args)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `printf '${octal}' > ${file} && chmod 755 ${file}`;
}

/** A shell command that makes the call and prints the error's number: 0 where there was none. */
export function probe(call: ProbedCall, args: readonly number[] = []): string {
  const file = `/tmp/probe-${call}`;
  return `${writeProbe(file, call, args)} && { ${file}; echo $?; }`;
}

function x64Code(call: ProbedCall, args: readonly number[]): Buffer {
  const word = (value: number): number[] => [...Buffer.from(Int32Array.of(value).buffer)];
  // mov rdi, rsi, rdx, r10, r8, r9: a 32-bit value with its sign
  const registers = [
    [0x48, 0xc7, 0xc7],
    [0x48, 0xc7, 0xc6],
    [0x48, 0xc7, 0xc2],
    [0x49, 0xc7, 0xc2],
    [0x49, 0xc7, 0xc0],
    [0x49, 0xc7, 0xc1],
  ];
  const code = [
    ...registers.map((move, index) => [...move, ...word(args[index] ?? 0)]),
    [0xb8, ...word(numbers[call].x64)], // mov eax, call
    [0x0f, 0x05], // syscall
    [0x31, 0xff], // xor edi, edi
    [0x48, 0x85, 0xc0], // test rax, rax
    [0x79, 0x04], // jns over the next two
    [0xf7, 0xd8], // neg eax
    [0x89, 0xc7], // mov edi, eax
    [0xb8, ...word(numbers.exit.x64)], // mov eax, exit
    [0x0f, 0x05], // syscall
  ];
  return Buffer.from(code.flat());
}

function arm64Code(call: ProbedCall, args: readonly number[]): Buffer {
  // movz and movk: the lower and the upper 16 bits; movn for a small negative number
  const move = (register: number, value: number): number[] =>
    value < 0
      ? [0x9280_0000 | (~value << 5) | register]
      : [0xd280_0000 | ((value & 0xffff) << 5) | register, 0xf2a0_0000 | ((value >>> 16) << 5) | register];
  const instructions = [
    ...[0, 1, 2, 3, 4, 5].flatMap((register) => move(register, args[register] ?? 0)),
    ...move(8, numbers[call].arm64),
    0xd400_0001, // svc #0
    0xb7f8_0060, // tbnz x0, #63: over the next two, where it is negative
    0xd280_0000, // mov x0, #0
    0x1400_0002, // b over the next one
    0xcb00_03e0, // neg x0, x0
    ...move(8, numbers.exit.arm64),
    0xd400_0001,
  ];
  const code = Buffer.alloc(instructions.length * 4);
  instructions.forEach((instruction, index) => code.writeUInt32LE(instruction >>> 0, index * 4));
  return code;
}
