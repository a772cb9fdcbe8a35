// What an error number means in its place: EBUSY of pivot_root has another reason than EBUSY of umount2. For `trace`
// and the handbook; sources are the ERRORS sections of the calls' manual pages.

const meanings: Readonly<Record<string, string>> = {
  'execvp ENOENT':
    'there is no such program in the folders of PATH, or the file needs an interpreter that is not there',
  'execvp EACCES': 'the file may not be executed, or lies on a filesystem mounted with noexec',
  'execvp ENOEXEC': 'the file is no program: it has no #! line and no format that the kernel knows',
  'waitpid ECHILD': 'this process has no such child: a child cannot wait for itself, and a parent only once',
  'fork EAGAIN': 'there are too many processes',
  'fork ENOMEM': 'PID 1 of the namespace for children has ended: nothing can be started in it any more',
  'clone EINVAL': 'these flags do not go together',
  'clone ENOMEM': 'PID 1 of the namespace for children has ended: nothing can be started in it any more',
  'clone ENOSPC': 'there are too many namespaces: user.max_user_namespaces, or one within another too often',
  'unshare EINVAL': 'a process with several threads, as Node is, may not do this',
  'setns EINVAL': 'a process with several threads may not enter it, or the descriptor is of another kind of namespace',
  'mount ENODEV': 'the kernel knows no filesystem type of that name (overlay, not overlayfs)',
  'mount ENOENT': 'the source, the target or a directory named in the options does not exist',
  'mount ENOTDIR': 'the target is no directory, or it is one and the source is a file',
  'mount EBUSY': 'something is mounted there already, or the upperdir is used by another mount',
  'mount EINVAL':
    'an option is wrong; for overlay: no workdir, a space after a comma, workdir and upperdir on two filesystems or one inside the other, or upperdir on an overlay',
  'umount EBUSY': 'somebody uses it: a working directory, a root, an open file',
  'umount EINVAL': 'nothing is mounted there',
  'umount2 EBUSY': 'somebody uses it, perhaps this very process: MNT_DETACH takes it away all the same',
  'umount2 EINVAL': 'nothing is mounted there',
  'chroot ENOENT': 'there is no such directory',
  'pivot_root EBUSY':
    'new_root is on the mount that is the root already: it must be a mount of its own, and put_old not /',
  'pivot_root EINVAL':
    'new_root is no mount point, or it or its parent is shared, or put_old does not lie below new_root; after chroot, the root is no mount point either',
  'pivot_root ENOENT': 'put_old (or new_root) does not exist',
  'setuid EINVAL': 'no map of this user namespace has that id',
  'setgid EINVAL': 'no map of this user namespace has that id',
  'mknod EEXIST': 'there is a file of that name already',
  'sethostname EINVAL': 'the name is longer than 64 bytes',
  'setgid EPERM': 'root has been given up already: setgid comes before setuid',
  'setxattr EPERM': 'attributes of trusted are for root of the machine only',
  'setxattr EOPNOTSUPP': 'this filesystem keeps no such attributes',
  'setgroups EPERM': 'root has been given up already: setgroups comes before setuid',
  'prctl EPERM': 'taking from the bounding set needs CAP_SETPCAP, which is gone after setuid',
  'capset EPERM': 'a set can only hold what was permitted before; what is inheritable also needs CAP_SETPCAP',
  'seccomp_load EACCES': 'whoever is not all of root sets no_new_privs first',
  'kill ESRCH': 'there is no such process',
};

/** All that is known, for a table: in the order of the calls in a runtime. */
export function errnoMeanings(): { call: string; code: string; meaning: string }[] {
  return Object.entries(meanings).map(([key, meaning]) => {
    const [call = '', code = ''] = key.split(' ');
    return { call, code, meaning };
  });
}

/** What usually causes this error of this call, as a sentence without a stop; null where nothing more can be said. */
export function meaningOf(call: string, code: string): string | null {
  const known = meanings[`${call.replace('execvpe', 'execvp')} ${code}`];
  if (known !== undefined) return known;
  return code === 'EPERM' ? 'only root may do this, and root has been given up or is not enough here' : null;
}
