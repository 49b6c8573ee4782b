import type { ClaimRecord } from '../records/cdi-spec.ts';
import { chooseCpus } from '../claims/choose-cpus.ts';
import { describeClaim, parseClaim } from '../claims/claim.ts';
import { ClaimError } from '../claims/claim-error.ts';
import { readClaimPods } from '../claims/claim-object.ts';
import type { Ledger, PreparedClaim } from '../claims/ledger.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { Backoff, sleep } from '../lib/backoff.ts';
import { asObject } from '../lib/json.ts';
import { errorText, type Log } from '../lib/log.ts';
import { toRecord } from '../records/claim-record.ts';
import { describeContainer, type UnverifiedContainer } from './container.ts';
import type { Containers } from './containers.ts';
import type { Machine } from '../devices/machine.ts';

/** Between attempts to ask the API server, in milliseconds. */
const RETRY = { initialMs: 200, maxMs: 10_000 };

/** What adoption needs of the world. */
export interface AdoptionPorts {
  /** All claims of a namespace. Rejects when they cannot be asked for. */
  readonly listClaims: (namespace: string) => Promise<readonly unknown[]>;
  readonly specs: { write(record: ClaimRecord): Promise<void>; remove(uid: string): Promise<void> };
  /** Called after claims were adopted or containers confined. */
  readonly onChange: () => void;
  readonly log: Log;
}

/**
 * Judges whether a container's claim really gives it these CPUs: the claim belongs to its pod, is allocated on this node, and
 * these CPUs are what the allocation can amount to. They are taken as the only free ones, and the choice must come out equal.
 * @throws ClaimError saying why not.
 */
function judgeAdoption(
  machine: Machine,
  claim: unknown,
  { uid, cpus, facts }: { readonly uid: string; readonly cpus: CpuSet } & Pick<UnverifiedContainer, 'facts'>,
): PreparedClaim {
  const action = `Cannot adopt claim UID ${uid} of container ${describeContainer(facts)}`;
  if (claim === undefined) {
    throw new ClaimError(
      'ClaimNotFound',
      `${action}: the API server has no such claim in namespace ${facts.podNamespace}`,
    );
  }
  const name = String(asObject(asObject(claim).metadata).name);
  if (!readClaimPods(claim).some(({ uid: podUid }) => podUid === facts.podUid)) {
    throw new ClaimError('ClaimInUse', `${action}: claim ${name} is not reserved for its pod ${facts.podUid}`);
  }
  const parsed = parseClaim(claim, { uid, name, namespace: facts.podNamespace }, machine.driverName);
  const { topology, devices, pool } = machine;
  const chosen = chooseCpus(parsed, {
    topology,
    devices,
    pool,
    free: cpus,
    describeHolders: () => 'others, as its environment has it',
  });
  if (!chosen.cpus.equals(cpus)) {
    throw new ClaimError(
      'ClaimMismatch',
      `${action}: its environment gives it CPUs ${cpus}, the allocation is of ${chosen.cpus.size}`,
    );
  }
  return chosen;
}

/**
 * Takes over claims of running containers that have no file any more, for instance because the folder was wiped: asks the
 * API server, adopts what is confirmed and writes its file, and lets the rest be confined. While the API server cannot be
 * asked it tries again, for as long as there are such containers.
 */
export class Adoption {
  readonly #machine: () => Machine;
  readonly #ledger: Ledger;
  readonly #containers: Containers;
  readonly #ports: AdoptionPorts;
  #running: Promise<void> | undefined;

  constructor(machine: () => Machine, ledger: Ledger, containers: Containers, ports: AdoptionPorts) {
    this.#machine = machine;
    this.#ledger = ledger;
    this.#containers = containers;
    this.#ports = ports;
  }

  /** Resolves when no container is unverified any more, or `signal` aborts. Call it after each Synchronize. */
  settle(signal: AbortSignal): Promise<void> {
    this.#running ??= this.#settleAll(signal).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #settleAll(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(RETRY);
    while (!signal.aborted && this.#containers.unverified.length > 0) {
      try {
        // Younger than the containers of the round, whose claims are therefore in it.
        const lists = new Map<string, readonly unknown[]>();
        for (const container of this.#containers.unverified) await this.#settleOne(container, lists, signal);
        backoff.reset();
      } catch (error) {
        this.#ports.log.warn('claims of running containers cannot be checked yet', { reason: errorText(error) });
        await sleep(backoff.nextMs(), signal);
      }
      this.#ports.onChange();
    }
  }

  /** @throws whatever `listClaims` rejects with; the container is unverified still. */
  async #settleOne(
    container: UnverifiedContainer,
    lists: Map<string, readonly unknown[]>,
    signal: AbortSignal,
  ): Promise<void> {
    const { facts, claims } = container;
    for (const [uid, cpus] of claims) {
      if (this.#ledger.find(uid)) continue;
      const list = lists.get(facts.podNamespace) ?? (await this.#ports.listClaims(facts.podNamespace));
      lists.set(facts.podNamespace, list);
      const claim = list.find((object) => asObject(asObject(object).metadata).uid === uid);
      // Another driver may have the node by now.
      if (signal.aborted) return;
      await this.#adopt(claim, { uid, cpus, facts });
    }
    this.#containers.settleUnverified(facts.id);
  }

  async #adopt(claim: unknown, wanted: { uid: string; cpus: CpuSet } & Pick<UnverifiedContainer, 'facts'>) {
    const { log } = this.#ports;
    const container = describeContainer(wanted.facts);
    try {
      const prepared = judgeAdoption(this.#machine(), claim, wanted);
      if (this.#ledger.find(prepared.uid)) return;
      // Unlike a file, which was written by a driver, an environment is no reason to let two claims have the same CPUs.
      this.#ledger.reserve(prepared);
      log.info('claim adopted', {
        claim: describeClaim(prepared),
        uid: prepared.uid,
        cpus: prepared.cpus.toString(),
        container,
      });
      await this.#record(prepared);
    } catch (error) {
      if (!(error instanceof ClaimError)) throw error;
      log.error('claim of a running container not adopted', { container, uid: wanted.uid, reason: error.message });
    }
  }

  async #record(claim: PreparedClaim): Promise<void> {
    const { log, specs } = this.#ports;
    const { uid } = claim;
    try {
      await specs.write(toRecord(claim));
      // Unprepared meanwhile: after a restart the file would hold CPUs that others have by then.
      if (!this.#ledger.find(uid)) await specs.remove(uid);
    } catch (error) {
      log.error('adopted claim not recorded', { uid, reason: errorText(error) });
    }
  }
}
