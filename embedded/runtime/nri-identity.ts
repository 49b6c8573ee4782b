import { Event } from '../../src/gen/nri.ts';

/** As what runtime the server appears. */
export interface NriIdentity {
  readonly name: string;
  readonly version: string;
  readonly nriVersion: string;
  /** Whether its NRI is 0.12 or later: says its version and has a call per event. */
  readonly saysVersion: boolean;
  /** Mask of the events that its NRI has. */
  readonly knownEvents: number;
}

/** How long plugins may take, in milliseconds. */
export interface NriTimeouts {
  readonly registrationTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** `0.12` has a call per event and can take unsolicited updates; `0.8` is what containerd 2.1 has. */
export type NriGeneration = '0.12' | '0.8';

/** Mask of all events up to `last`. */
function eventsUpTo(last: Event): number {
  return (1 << last) - 1;
}

/** How a runtime of a generation of NRI introduces itself. */
export function chooseIdentity(nri: NriGeneration): NriIdentity {
  return nri === '0.12'
    ? {
        name: 'embedded',
        version: 'v1.0.0',
        nriVersion: 'v0.12.2',
        saysVersion: true,
        knownEvents: eventsUpTo(Event.VALIDATE_CONTAINER_ADJUSTMENT),
      }
    : {
        name: 'containerd',
        version: '2.1.9+unknown',
        nriVersion: '',
        saysVersion: false,
        knownEvents: eventsUpTo(Event.REMOVE_CONTAINER),
      };
}
