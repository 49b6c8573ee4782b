import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerUpdate } from '../gen/nri.ts';
import { NriError } from './nri-error.ts';
import { NriPlugin, type NriPluginOptions } from './plugin.ts';

/** How long the runtime may take to let a plugin in, in milliseconds: others may be before us, each for up to 5 s. */
const REGISTRATION_MS = 15_000;

/** The connection is kept so long after the answer, in milliseconds: the answer is on its way. */
const LINGER_MS = 100;

/**
 * Changes containers outside an event on runtimes whose UpdateContainers may deadlock: registers a second plugin for a
 * moment, which puts the updates into the answer to Synchronize and leaves. It is subscribed to nothing that matters, so
 * that the first plugin never misses an event. Works with every NRI (measured with containerd 2.1.9, NRI 0.8).
 * @param decide the updates, asked in the moment of the answer: to be let in may take seconds.
 * @param options.signal gives up: from then on nothing is decided any more.
 * @throws NriError `RegistrationTimeout` when the runtime does not let the plugin in; an AbortError after `signal`.
 */
export async function updateThroughSynchronize(
  options: Pick<NriPluginOptions, 'name' | 'index' | 'socketPath' | 'connect' | 'log'> & {
    readonly signal?: AbortSignal;
  },
  decide: () => readonly ContainerUpdate[],
): Promise<void> {
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([ended.signal, options.signal]) : ended.signal;
  const { promise, resolve } = Promise.withResolvers<void>();
  const plugin = new NriPlugin({
    ...options,
    handlers: {
      synchronize: ({ containers }) => {
        const known = new Set(containers.map(({ id }) => id));
        return signal.aborted ? [] : decide().filter(({ containerId }) => known.has(containerId));
      },
      // A plugin must be subscribed to something: no event at all means every one.
      removePodSandbox: () => {},
    },
    onState: ({ kind }) => {
      if (kind === 'synchronized') resolve();
    },
  });
  plugin.start();
  try {
    const late = sleep(REGISTRATION_MS, undefined, { signal }).then(() => {
      throw new NriError('RegistrationTimeout', `Cannot update containers: not let in within ${REGISTRATION_MS} ms`);
    });
    await Promise.race([promise, late]);
    await sleep(LINGER_MS);
  } finally {
    ended.abort();
    await plugin.stop();
  }
}
