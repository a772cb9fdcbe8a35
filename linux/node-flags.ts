/** The flags that node must be started with, before fork and clone work. Alone here: a grader needs no system calls. */
export const requiredNodeFlags = ['--single-threaded', '--v8-pool-size=0'] as const;
