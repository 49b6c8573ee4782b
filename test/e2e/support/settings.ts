import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';

/** What the environment says about the cluster under test; test/e2e/README.md describes each variable. */
export interface Settings {
  /** An image with sh, cat, sleep and env. */
  readonly testImage: string;
  readonly targetNode: string | undefined;
  /** The driver's own setting, to be checked against. */
  readonly reservedCpus: CpuSet;
  /** "grouped" or "individual", and what grouped devices are grouped by, where they are to be checked. */
  readonly deviceMode: string | undefined;
  readonly groupBy: string | undefined;
  /** A command that restarts the node's component whose name it is given: "kubelet" or "containerd". */
  readonly restartCommand: string | undefined;
  /** The API server's audit log, one JSON object a line, with the metadata of the driver's calls. */
  readonly auditLog: string | undefined;
}

const variable = (name: string): string | undefined => process.env[name] || undefined;

/** Why the suite cannot run at all, or false. Without the image's name nobody asked for it, whatever KUBECONFIG says. */
export const skipSuite: string | false =
  variable('DRACPU_E2E_TEST_IMAGE') === undefined
    ? 'needs a cluster: run `make test-e2e` with KUBECONFIG (DRACPU_E2E_TEST_IMAGE is not set)'
    : false;

export function readSettings(): Settings {
  return {
    testImage: variable('DRACPU_E2E_TEST_IMAGE') ?? '',
    targetNode: variable('DRACPU_E2E_TARGET_NODE'),
    reservedCpus: parseCpuList(variable('DRACPU_E2E_RESERVED_CPUS') ?? ''),
    deviceMode: variable('DRACPU_E2E_CPU_DEVICE_MODE'),
    groupBy: variable('DRACPU_E2E_CPU_GROUP_BY'),
    restartCommand: variable('DRACPU_E2E_RESTART_COMMAND'),
    auditLog: variable('DRACPU_E2E_AUDIT_LOG'),
  };
}
