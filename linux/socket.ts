// A pair of sockets, and handing an open file from one process to another. See socketpair(2), unix(7).
import { whole } from './argument.ts';
import { call, failed } from './call.ts';
import { address, libc } from './libc.ts';

// bits/socket.h, bits/socket_type.h
/** Between processes of this machine. */
export const AF_UNIX = 1;
/** Bytes, as in a pipe. */
export const SOCK_STREAM = 1;
/** The descriptors are closed when their process executes another program. */
export const SOCK_CLOEXEC = 0o2000000;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** struct msghdr on 64-bit Linux: name 8 bytes, its length 4 (padded), iov 8, how many 8, control 8, its length 8, flags 4. */
const MSGHDR_SIZE = 56;
/** struct cmsghdr: length 8 bytes, level 4, type 4; then the descriptor, padded to 8. */
const CMSGHDR_SIZE = 16;
/** EPIPE: nobody is at the other end. */
const EPIPE = 32;

const nativeSocketpair = libc('int socketpair(int domain, int type, int protocol, _Out_ int *sv)');
const nativeSendmsg = libc('long sendmsg(int sockfd, const void *msg, int flags)');
const nativeRecvmsg = libc('long recvmsg(int sockfd, void *msg, int flags)');

/**
 * Makes two sockets that are connected with each other. See socketpair(2).
 *
 * @param domain AF_UNIX
 * @param type SOCK_STREAM, with `| SOCK_CLOEXEC`
 * @returns their descriptors, to be closed with fs.closeSync
 * @throws LinuxError EMFILE where too many files are open
 */
export function socketpair(domain: number, type: number, protocol = 0): [number, number] {
  const args = [whole('socketpair', 'domain', domain, 0), whole('socketpair', 'type', type, 0), protocol];
  const ends = new Int32Array(2);
  call('socketpair', nativeSocketpair, [...args, ends], socketpair, [undefined, undefined, undefined, '[…]']);
  return [ends[0]!, ends[1]!];
}

/**
 * Sends an open file through a socket: who receives it has it open as well, as if it had been there at the fork. It is
 * sendmsg(2) with SCM_RIGHTS, see unix(7).
 *
 * @throws LinuxError EPIPE where nobody is at the other end, EBADF
 */
export function send_fd(sockfd: number, fd: number): void {
  const { header, control, kept } = message();
  control.writeBigUInt64LE(BigInt(CMSGHDR_SIZE + 4));
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(whole('send_fd', 'fd', fd, 0), CMSGHDR_SIZE);
  const args = [whole('send_fd', 'sockfd', sockfd, 0), header, 0];
  call('sendmsg', nativeSendmsg, args, send_fd, [undefined, `{SCM_RIGHTS, [${fd}]}`]);
  kept();
}

/**
 * Receives an open file that another process sends, and waits for it; it is closed on exec. See send_fd, recvmsg(2).
 *
 * @returns its descriptor
 * @throws LinuxError EPIPE where nobody is at the other end any more who could send one
 */
export function recv_fd(sockfd: number): number {
  const { header, control, kept } = message();
  const args = [whole('recv_fd', 'sockfd', sockfd, 0), header, MSG_CMSG_CLOEXEC];
  const shown = [undefined, '{SCM_RIGHTS, […]}', 'MSG_CMSG_CLOEXEC'];
  const length = call('recvmsg', nativeRecvmsg, args, recv_fd, shown);
  kept();
  const isFd = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS;
  if (length === 0 || !isFd) throw failed('recvmsg', EPIPE, args, recv_fd, ['socket', ...shown.slice(1).map(String)]);
  return control.readInt32LE(CMSGHDR_SIZE);
}

/** A message of one byte, with room for one descriptor. What it points to lives at least until `kept` is called. */
function message(): { header: Buffer; control: Buffer; kept(): void } {
  const byte = Buffer.alloc(1);
  const iov = Buffer.alloc(16);
  iov.writeBigUInt64LE(address(byte));
  iov.writeBigUInt64LE(BigInt(byte.length), 8);
  const control = Buffer.alloc(CMSGHDR_SIZE + 8);
  const header = Buffer.alloc(MSGHDR_SIZE);
  header.writeBigUInt64LE(address(iov), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(address(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  return { header, control, kept: () => void [byte, iov, control] };
}
