// The user namespace of a process, read from outside it. See user_namespaces(7), ioctl_nsfs(2).
import fs from 'node:fs';
import { libc } from '../../linux/libc.ts';

/** `count` ids from `inside` on are, for us, those from `outside` on. */
export type MappedIds = { inside: number; outside: number; count: number };

/** What there is to know of one. */
export type UserNamespace = {
  /** The uid of whoever made it, who has all rights in it; null where it cannot be had. */
  owner: number | null;
  uids: MappedIds[];
  gids: MappedIds[];
  /** Whether processes in it may leave their groups: `allow` or `deny`. */
  setgroups: string;
};

/** linux/nsfs.h: _IO(0xb7, 4) */
const NS_GET_OWNER_UID = 0xb704;

const ioctl = libc('int ioctl(int fd, unsigned long op, uint32_t *argp)');

/** That of a process; null where the process has ended. */
export function userNamespaceOf(pid: number): UserNamespace | null {
  const read = (name: string): string => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  try {
    return {
      owner: ownerOf(`/proc/${pid}/ns/user`),
      uids: mapOf(read('uid_map')),
      gids: mapOf(read('gid_map')),
      setgroups: read('setgroups').trim(),
    };
  } catch {
    return null;
  }
}

/** What an id of the namespace is for us; null where nothing stands behind it. */
export function outsideOf(map: readonly MappedIds[], id: number): number | null {
  const range = map.find(({ inside, count }) => id >= inside && id < inside + count);
  return range === undefined ? null : range.outside + id - range.inside;
}

/** A map as the kernel shows it, on one line: `0 1000 1, 1 100000 65536`. */
export function showMap(map: readonly MappedIds[]): string {
  return map.map(({ inside, outside, count }) => `${inside} ${outside} ${count}`).join(', ') || 'empty';
}

function mapOf(text: string): MappedIds[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
      return { inside: inside!, outside: outside!, count: count! };
    });
}

function ownerOf(namespace: string): number | null {
  const fd = fs.openSync(namespace, 'r');
  try {
    const uid = new Uint32Array(1);
    return ioctl(fd, NS_GET_OWNER_UID, uid) === -1 ? null : uid[0]!;
  } finally {
    fs.closeSync(fd);
  }
}
