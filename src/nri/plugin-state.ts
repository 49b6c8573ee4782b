import type { RuntimeInfo } from './runtime-info.ts';

/** Where a plugin is in its life. Only `synchronized` receives events. */
export type NriPluginState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'connecting' }
  /** Connected; the runtime lets one plugin in at a time. */
  | { readonly kind: 'registering' }
  /** Configured; the runtime is about to send its state. */
  | { readonly kind: 'synchronizing'; readonly runtime: RuntimeInfo }
  | { readonly kind: 'synchronized'; readonly runtime: RuntimeInfo }
  /** The connection was lost or could not be made; the next attempt follows after `delayMs`. */
  | { readonly kind: 'waiting'; readonly cause: Error; readonly failures: number; readonly delayMs: number };

/** What moves a plugin on. */
export type NriPluginStep =
  | { readonly step: 'connect' }
  | { readonly step: 'connected' }
  | { readonly step: 'configured'; readonly runtime: RuntimeInfo }
  | { readonly step: 'synchronized' }
  | { readonly step: 'lost'; readonly cause: Error; readonly failures: number; readonly delayMs: number }
  | { readonly step: 'stop' };

/**
 * The state after a step. A step that does not belong to the state changes nothing: a runtime may say things in any
 * order, and a stopped plugin hears the last words of its connection.
 */
export function nextPluginState(state: NriPluginState, step: NriPluginStep): NriPluginState {
  const { kind } = state;
  switch (step.step) {
    case 'connect':
      return kind === 'stopped' || kind === 'waiting' ? { kind: 'connecting' } : state;
    case 'connected':
      return kind === 'connecting' ? { kind: 'registering' } : state;
    case 'configured':
      return kind === 'registering' ? { kind: 'synchronizing', runtime: step.runtime } : state;
    case 'synchronized':
      return kind === 'synchronizing' ? { kind: 'synchronized', runtime: state.runtime } : state;
    case 'lost':
      return kind === 'stopped' || kind === 'waiting'
        ? state
        : { kind: 'waiting', cause: step.cause, failures: step.failures, delayMs: step.delayMs };
    case 'stop':
      return { kind: 'stopped' };
  }
}
