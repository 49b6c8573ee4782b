/**
 * The program of the test image: tells the CPUs that its container has, as a line of JSON at its start and whenever they
 * change, until it is asked to end. What the kernel says is read anew ten times a second, so that a test sees every change.
 */
import { readFileSync } from 'node:fs';

const POLL_INTERVAL_MS = 100;

/** The CPUs of the own process as a Linux list. */
function readAffinity(): string {
  return readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(.*)$/m)?.[1] ?? '';
}

/** The cpuset of the container on cgroup v2 or v1; absent where neither is mounted. */
function readCpuset(): string | undefined {
  for (const path of ['/sys/fs/cgroup/cpuset.cpus.effective', '/sys/fs/cgroup/cpuset/cpuset.effective_cpus']) {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      // The other hierarchy, or none.
    }
  }
  return undefined;
}

const claims = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('DRA_CPUSET_')));
let told = '';

function tellCpus(): void {
  const line = JSON.stringify({ affinity: readAffinity(), cpuset: readCpuset(), claims });
  if (line === told) return;
  told = line;
  process.stdout.write(`${line}\n`);
}

tellCpus();
setInterval(tellCpus, POLL_INTERVAL_MS);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
