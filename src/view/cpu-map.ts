import { describeClaim } from '../claims/claim.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import { summarizeMachine } from './machine-picture.ts';

/** A container on the node with its CPUs. */
export interface MappedContainer {
  readonly podNamespace: string;
  readonly podName: string;
  readonly name: string;
  readonly cpus: CpuSet;
  /** UIDs of the claims that give it its CPUs; empty for a shared container. */
  readonly claimUids: readonly string[];
}

/** A node at one moment: its CPUs, who has them, and how the driver is. */
export interface NodeState {
  readonly nodeName: string;
  /** The driver's release. */
  readonly version: string;
  /** The container runtime that was met last, such as "containerd v2.1.4"; undefined before any was. */
  readonly runtime?: string | undefined;
  readonly topology: CpuTopology;
  readonly ledger: Pick<Ledger, 'supply' | 'free' | 'taken' | 'sharedPool' | 'claims'>;
  readonly containers: readonly MappedContainer[];
  /** What must hold for the driver to serve claims. */
  readonly conditions: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
  /** Settings of the node that contradict the driver's. */
  readonly findings: readonly { readonly check: string; readonly severity: string; readonly message: string }[];
}

/** "namespace/pod/container". */
function describeContainer({ podNamespace, podName, name }: MappedContainer): string {
  return `${podNamespace}/${podName}/${name}`;
}

/** "namespace/name"; a claim that another driver's file gave has its UID for a name until the API server was asked for it. */
function nameClaim({
  uid,
  namespace,
  name,
}: {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}) {
  return describeClaim({ namespace, name: name === uid ? 'unknown' : name });
}

/**
 * Who has which CPU, as JSON: what `/topology.json` serves and the page `/topology` paints. CPU sets are Linux lists. Claims have their
 * names and never their UIDs: whoever reaches the port reads this, and a UID is what a container names a claim by.
 * @param withTopology false leaves out the machine itself, which seldom changes and is most of the text.
 */
export function describeCpuMap(state: NodeState, { withTopology }: { readonly withTopology: boolean }): object {
  const { nodeName, version, runtime, topology, ledger, containers, conditions, findings } = state;
  const { online, offline, isolated } = topology;
  const { supply, free, taken, sharedPool } = ledger;
  return {
    apiVersion: 'dra.cpu/v1alpha1',
    kind: 'CPUMap',
    node: nodeName,
    version,
    runtime,
    summary: summarizeMachine(topology),
    cpus: { online, offline, isolated, reserved: supply.reserved, claimed: taken, free, sharedPool },
    claims: ledger.claims.map(({ uid, namespace, name, cpus, memoryNodes, sharesPool, assignments }) => ({
      claim: nameClaim({ uid, namespace, name }),
      cpus,
      memoryNodes,
      ...(sharesPool && { sharedCPUs: true }),
      devices: assignments.map(({ request, device, cpus: deviceCpus }) => ({ request, device, cpus: deviceCpus })),
      containers: containers.filter(({ claimUids }) => claimUids.includes(uid)).map(describeContainer),
    })),
    sharedContainers: containers.filter(({ claimUids }) => claimUids.length === 0).map(describeContainer),
    conditions,
    findings,
    ...(withTopology && { topology: topologyToJson(topology) }),
  };
}
