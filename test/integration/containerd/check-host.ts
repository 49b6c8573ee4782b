import { access, mkdir, rmdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../unavailable-error.ts';
import { run } from './run.ts';

/** Where containers' cpusets are made: v1 where there is a hierarchy for them, else v2. */
async function findCpusetRoot(): Promise<string> {
  const v1 = '/sys/fs/cgroup/cpuset';
  return access(v1).then(
    () => v1,
    () => '/sys/fs/cgroup',
  );
}

/**
 * Checks that this process may make containers.
 * @throws UnavailableError saying what it may not.
 */
export async function checkHost(): Promise<void> {
  if (userInfo().uid !== 0) throw new UnavailableError('a container runtime needs root');
  await run('unshare', ['--mount', 'true']).catch(() => {
    throw new UnavailableError('this root may not make mount namespaces');
  });
  const probe = join(await findCpusetRoot(), `dracpu-probe-${process.pid}`);
  try {
    await mkdir(probe);
    await rmdir(probe);
  } catch (error) {
    throw new UnavailableError(`this root may not make cgroups: ${(error as NodeJS.ErrnoException).code}`);
  }
}
