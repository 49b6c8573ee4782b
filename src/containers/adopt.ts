import { describeClaim } from '../claims/claim.ts';
import { ClaimError } from '../claims/claim-error.ts';
import { isUser, readClaimUsers } from '../claims/claim-object.ts';
import { confirmClaim } from '../claims/confirm-claim.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { ClaimOwner, PreparedClaim } from '../claims/prepared-claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';
import type { Machine } from '../devices/machine.ts';
import { Backoff, sleep } from '../lib/backoff.ts';
import { asObject } from '../lib/json.ts';
import { errorText, type Log } from '../lib/log.ts';
import { type ContainerFacts, describeContainer } from './container.ts';
import type { Containers } from './containers.ts';

/** Between attempts to ask the API server, in milliseconds. */
const RETRY = { initialMs: 200, maxMs: 10_000 };

/** What adoption needs of the world. */
export interface AdoptionPorts {
  /** All claims of a namespace. Rejects when they cannot be asked for. */
  readonly listClaims: (namespace: string) => Promise<readonly unknown[]>;
  readonly records: {
    exclusively<T>(uid: string, task: () => Promise<T>): Promise<T>;
    write(record: { readonly claim: PreparedClaim; readonly owner: ClaimOwner | undefined }): Promise<void>;
  };
  /** Called after claims were adopted or containers confined. */
  readonly onChange: () => void;
  readonly log: Log;
}

/** A claim that a running container names, as far as the container knows it. */
interface NamedClaim {
  readonly uid: string;
  /** CPU list as the environment has it; undefined where only a CDI device names the claim. */
  readonly cpus: string | undefined;
  readonly facts: ContainerFacts;
}

/** Whether an item of a list is the claim; the API server's answer is not taken for it by its place alone. */
function isClaim(item: unknown, { uid, namespace }: { readonly uid: string; readonly namespace: string }): boolean {
  const metadata = asObject(asObject(item).metadata);
  return metadata.uid === uid && metadata.namespace === namespace;
}

/** The claim as a file of another driver left it, or as the container's environment has it. */
function readKnown({ uid, cpus, facts }: NamedClaim): PreparedClaim {
  const set = tryParseCpuList(cpus ?? facts.cpus) ?? CpuSet.empty;
  return { uid, namespace: facts.podNamespace, name: uid, assignments: [], cpus: set };
}

/**
 * Judges whether a container's claim really gives it its CPUs: the claim may be used by its pod, is allocated on this node, and
 * these CPUs are what the allocation can amount to.
 * @throws ClaimError saying why not.
 */
function judgeAdoption(
  machine: Machine,
  object: unknown,
  known: PreparedClaim,
  { uid, facts }: NamedClaim,
): PreparedClaim {
  const action = `Cannot adopt claim UID ${uid} of container ${describeContainer(facts)}`;
  if (object === undefined) {
    throw new ClaimError(
      'ClaimNotFound',
      `${action}: the API server has no such claim in namespace ${facts.podNamespace}`,
    );
  }
  const name = String(asObject(asObject(object).metadata).name);
  if (!isUser(readClaimUsers(object), facts.podNamespace, facts)) {
    throw new ClaimError('NotReserved', `${action}: claim ${name} is not reserved for its pod ${facts.podUid}`);
  }
  return confirmClaim(known, { uid, name, namespace: facts.podNamespace }, object, machine);
}

/**
 * Takes over claims of running containers that no record confirms, for instance because the folder was lost or another driver
 * prepared them: asks the API server, adopts what is confirmed and records it, and lets the rest be confined. While the API server
 * cannot be asked it tries again, for as long as there are such containers.
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
        for (const { facts } of this.#containers.unverified) await this.#settleOne(facts, lists, signal);
        backoff.reset();
      } catch (error) {
        this.#ports.log.warn('claims of running containers cannot be checked yet', { reason: errorText(error) });
        await sleep(backoff.nextMs(), signal);
      }
      this.#ports.onChange();
    }
  }

  /** @throws whatever `listClaims` rejects with; the container is unverified still. */
  async #settleOne(facts: ContainerFacts, lists: Map<string, readonly unknown[]>, signal: AbortSignal): Promise<void> {
    for (const [uid, cpus] of facts.claims.byUid) {
      if (this.#ledger.find(uid)?.users) continue;
      const list = lists.get(facts.podNamespace) ?? (await this.#ports.listClaims(facts.podNamespace));
      lists.set(facts.podNamespace, list);
      const object = list.find((one) => isClaim(one, { uid, namespace: facts.podNamespace }));
      await this.#ports.records.exclusively(uid, async () => {
        // Another driver may have the node by now.
        if (!signal.aborted) await this.#adopt(object, { uid, cpus, facts });
      });
      if (signal.aborted) return;
    }
    this.#containers.settleUnverified(facts.id);
  }

  async #adopt(object: unknown, named: NamedClaim): Promise<void> {
    const { log } = this.#ports;
    const { uid, facts } = named;
    const container = describeContainer(facts);
    const before = this.#ledger.find(uid);
    if (before?.users) return;
    try {
      const claim = judgeAdoption(this.#machine(), object, before ?? readKnown(named), named);
      // Unlike a file, which was written by a driver, an environment is not a reason to let two claims have the same CPUs.
      if (before) this.#ledger.update(claim);
      else this.#ledger.reserve(claim);
      const fields = { claim: describeClaim(claim), uid, cpus: claim.cpus.toString() };
      log.info('claim adopted', { ...fields, container });
      await this.#record(claim);
    } catch (error) {
      if (!(error instanceof ClaimError)) throw error;
      log.error('claim of a running container not adopted', { container, uid, reason: error.message });
    }
  }

  async #record(claim: PreparedClaim): Promise<void> {
    const { log, records } = this.#ports;
    const { uid } = claim;
    try {
      await records.write({ claim, owner: this.#ledger.ownerOf(uid) });
    } catch (error) {
      log.error('adopted claim not recorded', { uid, reason: errorText(error) });
    }
  }
}
