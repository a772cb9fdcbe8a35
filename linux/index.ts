// The system calls of this course, as section 2 of the manual spells them: import * as linux from '#linux'.
export {
  capget,
  type CapabilitySets,
  capset,
  CAP_CHOWN,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  CAP_KILL,
  CAP_SETGID,
  CAP_SETUID,
  CAP_SETPCAP,
  CAP_LINUX_IMMUTABLE,
  CAP_NET_BIND_SERVICE,
  CAP_NET_BROADCAST,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_IPC_LOCK,
  CAP_IPC_OWNER,
  CAP_SYS_MODULE,
  CAP_SYS_RAWIO,
  CAP_SYS_CHROOT,
  CAP_SYS_PTRACE,
  CAP_SYS_PACCT,
  CAP_SYS_ADMIN,
  CAP_SYS_BOOT,
  CAP_SYS_NICE,
  CAP_SYS_RESOURCE,
  CAP_SYS_TIME,
  CAP_SYS_TTY_CONFIG,
  CAP_MKNOD,
  CAP_LEASE,
  CAP_AUDIT_WRITE,
  CAP_AUDIT_CONTROL,
  CAP_SETFCAP,
  CAP_MAC_OVERRIDE,
  CAP_MAC_ADMIN,
  CAP_SYSLOG,
  CAP_WAKE_ALARM,
  CAP_BLOCK_SUSPEND,
  CAP_AUDIT_READ,
  CAP_PERFMON,
  CAP_BPF,
  CAP_CHECKPOINT_RESTORE,
} from './capability.ts';
export { dup2 } from './descriptor.ts';
export { LinuxError } from './error.ts';
export { _exit } from './exit.ts';
export { execvp, execvpe } from './exec.ts';
export { flock, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } from './flock.ts';
export { clone, fork } from './fork.ts';
export { gethostname, sethostname } from './hostname.ts';
export {
  makedev,
  mknod,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  umask,
} from './mknod.ts';
export {
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  mount,
  MS_BIND,
  MS_MOVE,
  MS_NOATIME,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_UNBINDABLE,
  umount,
  umount2,
  UMOUNT_NOFOLLOW,
} from './mount.ts';
export {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  setns,
  unshare,
} from './namespace.ts';
export { getpid } from './pid.ts';
export { pidfd_open, pidfd_send_signal } from './pidfd.ts';
export { O_CLOEXEC, pipe2 } from './pipe.ts';
export { poll, type PollFd, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from './poll.ts';
export {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_IS_SET,
  PR_CAP_AMBIENT_LOWER,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  prctl,
} from './prctl.ts';
export { chroot, pivot_root } from './root.ts';
export { setsid } from './session.ts';
export {
  kill,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGALRM,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGINT,
  SIGKILL,
  SIGPIPE,
  sigprocmask,
  SIGQUIT,
  SIGSTOP,
  SIGTERM,
  SIGTSTP,
  SIGUSR1,
  SIGUSR2,
  sigwaitinfo,
  SIGWINCH,
} from './signal.ts';
export { AF_UNIX, recv_fd, send_fd, SOCK_CLOEXEC, SOCK_STREAM, socketpair } from './socket.ts';
export {
  cfmakeraw,
  login_tty,
  openpty,
  tcgetattr,
  tcgetwinsize,
  TCSADRAIN,
  tcsetattr,
  tcsetwinsize,
  type Termios,
  type WindowSize,
} from './terminal.ts';
export { setgid, setgroups, setuid } from './user.ts';
export { __WALL, type ExitStatus, waitpid, WCONTINUED, WNOHANG, WUNTRACED } from './wait.ts';
export { setxattr, XATTR_CREATE, XATTR_REPLACE } from './xattr.ts';
