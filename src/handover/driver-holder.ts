import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import { SocketKeeper } from '../sockets/socket-keeper.ts';
import { SocketListener } from '../sockets/socket-listener.ts';
import { askHolder, type HolderAnswer, HOLDER_TIMEOUTS, type HolderTimeouts, identifyHolder } from './ask-holder.ts';
import { type ClaimsDirectory, takeClaimsDirectory } from './claims-directory.ts';
import type { DriverIdentity } from './driver-identity.ts';
import { DriverHolderError } from './holder-error.ts';
import { HolderServer } from './holder-server.ts';
import type { HolderGreeting } from './messages.ts';
import { findSuccessor, waitUntilAbandoned } from './successors.ts';

/** Between two questions to the driver that holds the node, in milliseconds. */
const RETRY_INTERVAL_MS = 50;

/** How often a holder may fail to say who it is, each time until this driver takes the node without being answered. */
const SILENT_ANSWERS_MAX = 3;

/**
 * How long no driver may hold the node before the one that handed it over last takes it back, in milliseconds. A
 * container that ended is started again sooner, and a socket that was removed is put back within 5 s
 * (sockets/socket-keeper.ts).
 */
const SUCCESSOR_PATIENCE_MS = 10_000;

/** Where the calls of the kubelet are to be handed on. */
export interface TakenOver {
  /** Path of the successor's endpoint. */
  readonly endpoint: string;
  /**
   * The successor did not wait for this driver: calls under way can record nothing any more and need not be waited for.
   */
  readonly isFenced: boolean;
}

/** What a holder needs. */
export interface DriverHolderOptions {
  /** `<kubelet root>/plugins/<driver name>`. */
  readonly directory: string;
  readonly identity: DriverIdentity;
  /** Path of the socket where this driver serves the kubelet's DRA calls. */
  readonly endpoint: string;
  /**
   * A pod of the same installation takes over. When this resolves, nothing of this driver acts on the node any more.
   * Called at most once.
   */
  readonly onTakenOver: (successor: TakenOver) => Promise<void>;
  /**
   * This driver does not hold the node any more and has no successor to hand calls on to: it is to stop acting, and to
   * start again. Called at most once.
   */
  readonly onAbandoned: () => void;
  /** The directory of claim records was removed, and is there again without any record. */
  readonly onClaimsRemoved?: () => void;
  /** Default 10 s. */
  readonly successorPatienceMs?: number;
  /** Default {@link HOLDER_TIMEOUTS}. */
  readonly holderTimeouts?: HolderTimeouts;
  readonly log: Log;
}

/**
 * Lets one driver manage a node. Who holds the node has the directory of claim records (claims-directory.ts), which
 * decides, and answers with its name on a Unix socket beside the driver's others, by which a newer pod of its own
 * installation asks it to hand the node over. Sockets work between pods where process ids and network addresses mean
 * nothing, and end with their process.
 */
export class DriverHolder {
  readonly #options: DriverHolderOptions;
  readonly #listener: SocketListener;
  readonly #keeper: SocketKeeper;
  readonly #released = new AbortController();
  #claims: ClaimsDirectory | undefined;
  #unwatch = () => {};
  #leaving: Promise<void> | undefined;

  constructor(options: DriverHolderOptions) {
    this.#options = options;
    const server = new HolderServer({
      greet: () => this.#greet(),
      ownEndpoint: basename(options.endpoint),
      handOver: (endpoint) => this.#handOver(endpoint),
    });
    this.#listener = new SocketListener(join(options.directory, 'holder.sock'), (socket) => void server.serve(socket));
    this.#keeper = new SocketKeeper([this.#listener], options.log, () => this.#isOtherStale());
  }

  /**
   * Takes the node; a pod of the same installation is asked to hand it over, as in a rolling update. A holder that does
   * not answer as a driver does is fenced off.
   * @returns the directory of claim records, which other drivers cannot write to
   * @throws DriverHolderError naming the driver of another installation that has it; SocketError or
   *   ClaimsDirectoryError when this driver cannot open its socket or directory.
   */
  async take(): Promise<ClaimsDirectory> {
    const { holderTimeouts = HOLDER_TIMEOUTS } = this.#options;
    const deadlineMs = performance.now() + holderTimeouts.releaseMs;
    for (let silences = 0; ; ) {
      const answer = await askHolder(this.#listener.path, this.#options, holderTimeouts);
      const isLate = performance.now() > deadlineMs;
      if (answer.kind === 'silent') silences += 1;
      if (answer.kind === 'absent' || answer.kind === 'released' || silences >= SILENT_ANSWERS_MAX || isLate) {
        const claims = await this.#hold(answer);
        if (claims) return claims;
        if (isLate) throw this.#toError();
      }
      // Another successor answers here in a moment, or the holder has ended. Unlike lib's sleep this keeps the process
      // alive.
      await delay(RETRY_INTERVAL_MS);
    }
  }

  /** Makes sure that no other driver took the node meanwhile. @throws DriverHolderError when one did. */
  async confirm(): Promise<void> {
    if (!(await this.#claims?.isOurs())) throw this.#toError();
  }

  /** Releases the node. May be called twice. */
  async release(): Promise<void> {
    this.#released.abort();
    await this.#stopHolding();
    await this.#listener.close();
  }

  #toError(): DriverHolderError {
    return new DriverHolderError(
      'SecondDriver',
      `Cannot start ${this.#options.identity.holder}: another driver took the claims of this node in ` +
        `${JSON.stringify(this.#options.directory)} at the same moment. Start it again, and run one CPU driver per node.`,
    );
  }

  #greet(): HolderGreeting {
    const { identity, endpoint } = this.#options;
    const claims = this.#claims && basename(this.#claims.path);
    return { ...identity, endpoint, ...(claims === undefined ? {} : { claims }) };
  }

  /** Holds the node from now on; undefined when another driver took it at the same moment. */
  async #hold(answer: HolderAnswer): Promise<ClaimsDirectory | undefined> {
    const { directory, log, onClaimsRemoved = () => {} } = this.#options;
    const claims = await takeClaimsDirectory(directory, log);
    if (!(await claims.isOurs())) return undefined;
    this.#claims = claims;
    this.#logTaken(answer);
    // A process that still answers is fenced off.
    await this.#listener.open({ evenIfAnswered: true });
    this.#keeper.start();
    this.#unwatch = claims.watch(() => this.#lose(), onClaimsRemoved);
    return claims;
  }

  #logTaken(answer: HolderAnswer): void {
    const { log } = this.#options;
    if (answer.kind === 'absent') return;
    const fields = 'other' in answer ? { from: answer.other.holder, version: answer.other.version } : {};
    if (answer.kind === 'released') log.info('Took over the node', fields);
    else log.warn('Took over the node from a driver that did not answer', { socket: this.#listener.path, ...fields });
  }

  async #stopHolding(): Promise<void> {
    this.#unwatch();
    await this.#keeper.stop();
  }

  /** Hands the node over to the first successor that asks; true for that one. */
  async #handOver(name: string): Promise<boolean> {
    const isFirst = this.#leaving === undefined;
    if (isFirst) this.#options.log.info('Handing over the node', { endpoint: name });
    this.#leaving ??= this.#leave(name, { isFenced: false });
    await this.#leaving;
    if (isFirst) void this.#watchSuccessors();
    return isFirst;
  }

  async #leave(name: string, { isFenced }: { readonly isFenced: boolean }): Promise<void> {
    const { directory, onTakenOver } = this.#options;
    await onTakenOver({ endpoint: join(directory, name), isFenced });
    await this.#stopHolding();
  }

  /** Another driver has the claims of this node. */
  #lose(): void {
    if (this.#leaving || this.#released.signal.aborted) return;
    this.#options.log.error('Lost the node to another driver and stops deciding', { socket: this.#listener.path });
    this.#leaving = this.#leaveAfterLoss();
  }

  async #leaveAfterLoss(): Promise<void> {
    const { identity, endpoint, log, onAbandoned } = this.#options;
    const other = await findSuccessor(this.#listener);
    const isOfInstallation = other?.release === identity.release;
    if (!isOfInstallation || other.endpoint === undefined || other.endpoint === basename(endpoint)) {
      await this.#stopHolding();
      log.warn('Found no driver to hand calls on to', other && { holder: other.holder });
      return onAbandoned();
    }
    log.warn('Handing calls on to the driver that took the node', { holder: other.holder });
    await this.#leave(other.endpoint, { isFenced: true });
    void this.#watchSuccessors();
  }

  /**
   * Whether the process that answers in this driver's place is to be replaced. A driver up to release 0.1 does not take
   * the claims and then holds the node all the same; everything else that answers without having the claims does not.
   */
  async #isOtherStale(): Promise<boolean> {
    if (this.#leaving) return false;
    const isHeld = (await this.#claims?.isOurs()) ?? false;
    const other = isHeld ? await identifyHolder(this.#listener.path) : undefined;
    if (isHeld && (other === undefined || other.claims !== undefined)) return true;
    this.#lose();
    return false;
  }

  /** Looks after the node until this driver ends, or no driver holds the node. */
  async #watchSuccessors(): Promise<void> {
    const { log, onAbandoned, successorPatienceMs: patienceMs = SUCCESSOR_PATIENCE_MS } = this.#options;
    if (!(await waitUntilAbandoned(this.#listener, { patienceMs, signal: this.#released.signal }))) return;
    log.warn('No driver holds the node that was handed over', { socket: this.#listener.path });
    onAbandoned();
  }
}
