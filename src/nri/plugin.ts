import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerUpdate } from '../gen/nri.ts';
import { Backoff } from '../lib/backoff.ts';
import { errorText, type Log, silentLog } from '../lib/log.ts';
import { connectSocket, DEFAULT_NRI_SOCKET } from './connect.ts';
import type { NriHandlers } from './handlers.ts';
import { type HookReport, HookRunner } from './hook-runner.ts';
import { NriError } from './nri-error.ts';
import { type NriPluginState, type NriPluginStep, nextPluginState } from './plugin-state.ts';
import { takesUnsolicitedUpdates } from './runtime-info.ts';
import { NriSession } from './session.ts';
import { quote } from '../lib/quote.ts';

/** A new container is not ours to change while we are away, so that we come back soon and keep trying for ever. */
const RETRY = { initialMs: 50, maxMs: 3000 };

/** A session that held this long, in milliseconds, was good: the next loss is the first failure again. */
const GOOD_SESSION_MS = 10_000;

/** Half of what runtimes wait for an answer (NRI's default is 2000 ms). */
const HOOK_TIMEOUT_MS = 1000;

/** Long enough for 1000 containers, which containerd 2.1.9 updates in 17 ms each. */
const UPDATE_TIMEOUT_MS = 20_000;

/** Whether containers may be updated outside a hook; `auto` does so where the runtime's NRI cannot deadlock (0.12.1). */
export type UnsolicitedUpdates = 'auto' | 'always' | 'never';

/** What became of an update outside a hook. */
export type UpdateOutcome =
  /** The runtime did it, but for the updates in `failed`. Containers it does not know or that ended count as done. */
  | { readonly kind: 'applied'; readonly failed: readonly ContainerUpdate[] }
  /** Nothing was sent, for `reason`; put the updates into the answer of the next hook. */
  | { readonly kind: 'withheld'; readonly reason: string };

/** What a plugin is made of. */
export interface NriPluginOptions {
  /** Letters, digits and `-_.+`; for the runtime's log. Two plugins of one name are two plugins. */
  readonly name: string;
  /** Two digits; plugins are called in ascending order. */
  readonly index: string;
  readonly handlers: NriHandlers;
  /** The runtime's socket. Default: /var/run/nri/nri.sock. */
  readonly socketPath?: string;
  /** Instead of `socketPath`: makes a new connection. */
  readonly connect?: (signal: AbortSignal) => Promise<Duplex>;
  /** Default: `auto`. */
  readonly unsolicitedUpdates?: UnsolicitedUpdates;
  /**
   * Most milliseconds for a handler, 1000 by default. Then a request (creation, update) fails and an event is answered
   * without it, so that the runtime, which would hang up at 2000, keeps the connection. Synchronize has the runtime's time.
   */
  readonly hookTimeoutMs?: number;
  readonly log?: Log;
  /** Told of every new state. */
  readonly onState?: (state: NriPluginState) => void;
  /** Told how each hook went, for metrics. */
  readonly onHook?: (report: HookReport) => void;
}

function checkIdentity({ name, index }: { name: string; index: string }): void {
  if (!/^[A-Za-z0-9_.+-]+$/.test(name)) {
    throw new NriError(
      'BadIdentity',
      `Cannot make an NRI plugin of name ${quote(name)}: want letters, digits, "-", "_", "." and "+"`,
    );
  }
  if (!/^\d\d$/.test(index)) {
    throw new NriError(
      'BadIdentity',
      `Cannot make an NRI plugin of index ${quote(index)}: want two digits, such as "90"`,
    );
  }
}

/**
 * A plugin of a container runtime (containerd, CRI-O) over NRI. It registers, is told the state and then every event it
 * has a handler for; when the connection is lost, at whatever moment, it comes back, for as long as it is not stopped.
 *
 * @example
 * const plugin = new NriPlugin({ name: 'logger', index: '90', handlers: { startContainer: ({ container }) => print(container.name) } });
 * plugin.start();
 */
export class NriPlugin {
  readonly #options: NriPluginOptions;
  readonly #log: Log;
  readonly #hooks: HookRunner;
  readonly #connect: (signal: AbortSignal) => Promise<Duplex>;
  #state: NriPluginState = { kind: 'stopped' };
  #session: NriSession | undefined;
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  /** @throws NriError `BadIdentity`, as the runtime would refuse it. */
  constructor(options: NriPluginOptions) {
    checkIdentity(options);
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#hooks = new HookRunner(this.#log, options.onHook);
    const { socketPath = DEFAULT_NRI_SOCKET } = options;
    this.#connect = options.connect ?? ((signal) => connectSocket(socketPath, signal));
  }

  get state(): NriPluginState {
    return this.#state;
  }

  /** Begins to connect. Does nothing when already started. */
  start(): void {
    if (this.#run) return;
    const abort = new AbortController();
    this.#run = { abort, done: this.#keepConnected(abort.signal) };
  }

  /** Leaves the runtime; resolves when the connection is closed. May be called again. The plugin can be started anew. */
  async stop(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    run.abort.abort(new NriError('NotConnected', 'The plugin was stopped'));
    this.#session?.close(run.abort.signal.reason as Error);
    await run.done;
    if (this.#run === run) this.#run = undefined;
  }

  /**
   * Changes containers outside an event: each is named at most once. Takes the runtime about 17 ms per container.
   *
   * Updates of one call stand alone: when the runtime fails one, it applies the others and throws, without saying which,
   * unless that one has `ignoreFailure`.
   * @throws NriError `NotConnected` when no runtime is synchronised; `InsideHook` when called in a handler, for the runtime
   *   would wait for the hook and the hook for the runtime.
   * @throws TtrpcError when the runtime could not update some, or did not answer within `timeoutMs` (20 s by default).
   */
  async updateContainers(updates: readonly ContainerUpdate[], timeoutMs = UPDATE_TIMEOUT_MS): Promise<UpdateOutcome> {
    const state = this.#state;
    if (state.kind !== 'synchronized' || !this.#session) {
      throw new NriError('NotConnected', `Cannot update containers: the plugin is ${state.kind}, want synchronized`);
    }
    if (this.#hooks.isInsideHook) {
      throw new NriError(
        'InsideHook',
        'Cannot update containers inside a hook: the runtime waits for its answer; put the updates into the answer',
      );
    }
    const reason = this.#whyWithheld(state.runtime);
    if (reason !== undefined) return { kind: 'withheld', reason };
    return { kind: 'applied', failed: await this.#session.updateContainers([...updates], timeoutMs) };
  }

  #whyWithheld(runtime: { nriVersion: string | undefined }): string | undefined {
    const { unsolicitedUpdates: policy = 'auto' } = this.#options;
    if (policy === 'always' || (policy === 'auto' && takesUnsolicitedUpdates(runtime))) return undefined;
    return policy === 'never'
      ? 'unsolicited updates are switched off'
      : `the runtime has NRI ${runtime.nriVersion ?? 'of an unknown version'}, which may deadlock; 0.12.1 does not`;
  }

  /** The loop of a started plugin: session after session, with a pause between them. */
  async #keepConnected(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(RETRY);
    let failures = 0;
    while (!signal.aborted) {
      this.#step({ step: 'connect' });
      const startMs = performance.now();
      const cause = await this.#runSession(signal);
      if (performance.now() - startMs > GOOD_SESSION_MS) {
        backoff.reset();
        failures = 0;
      }
      failures += 1;
      if (!signal.aborted) await this.#pause({ cause, failures, delayMs: backoff.nextMs() }, signal);
    }
    this.#step({ step: 'stop' });
  }

  /** Connects and serves until the connection ends; the reason. */
  async #runSession(signal: AbortSignal): Promise<Error> {
    try {
      const trunk = await this.#connect(signal);
      if (signal.aborted) {
        trunk.destroy();
        return signal.reason as Error;
      }
      this.#step({ step: 'connected' });
      this.#session = this.#openSession(trunk);
      return await this.#session.ended;
    } catch (error) {
      return error instanceof Error ? error : new NriError('ConnectionLost', errorText(error));
    } finally {
      this.#session = undefined;
    }
  }

  #openSession(trunk: Duplex): NriSession {
    const { name, index, handlers, hookTimeoutMs = HOOK_TIMEOUT_MS } = this.#options;
    return new NriSession(trunk, {
      name,
      index,
      handlers,
      hooks: this.#hooks,
      hookTimeoutMs,
      onConfigured: (runtime) => this.#step({ step: 'configured', runtime }),
      onSynchronized: () => this.#step({ step: 'synchronized' }),
    });
  }

  async #pause(loss: { cause: Error; failures: number; delayMs: number }, signal: AbortSignal): Promise<void> {
    this.#step({ step: 'lost', ...loss });
    // Unlike lib's sleep this one keeps the process alive: a plugin waits for its runtime, for ever if need be.
    await sleep(loss.delayMs, undefined, { signal }).catch(() => undefined);
  }

  #step(step: NriPluginStep): void {
    const previous = this.#state;
    const state = nextPluginState(previous, step);
    if (state === previous) return;
    this.#state = state;
    this.#logState(state, previous);
    this.#options.onState?.(state);
  }

  #logState(state: NriPluginState, previous: NriPluginState): void {
    if (state.kind === 'synchronized') {
      const { name, version, nriVersion = 'unknown' } = state.runtime;
      this.#log.info('NRI plugin synchronised', { runtime: name, version, nriVersion });
    } else if (state.kind === 'waiting') {
      const { cause, failures, delayMs } = state;
      const fields = { reason: errorText(cause), failures, retryInMs: Math.round(delayMs) };
      // A runtime that stays away is worth one line, not one a second.
      if (failures === 1 || previous.kind === 'synchronized') this.#log.warn('NRI connection lost', fields);
      else this.#log.debug('NRI connection still lost', fields);
    }
  }
}
