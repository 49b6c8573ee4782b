/** A version as far as it is compared. */
type Version = readonly [major: number, minor: number, patch: number];

/** The runtime at the other end, as its Configure call describes it. */
export interface RuntimeInfo {
  /** "containerd", "cri-o", ... */
  readonly name: string;
  readonly version: string;
  /** Version of NRI in the runtime: what it said (0.12 and later do), else inferred from its own, else undefined. */
  readonly nriVersion: string | undefined;
  /** How long the runtime waits for an answer, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** What the runtime's configuration has for the plugin; "" when there is nothing. */
  readonly config: string;
}

/** Which NRI a runtime of some version was built with, newest first (containerd/nri v0.12.2, pkg/api/version.go). */
const NRI_OF_RUNTIME: Readonly<Record<string, readonly (readonly [runtime: Version, nri: string])[]>> = {
  containerd: [
    [[2, 2, 1], '0.11.0'],
    [[2, 2, 0], '0.10.0'],
    [[1, 7, 26], '0.8.0'],
    [[1, 7, 0], '0.3.0'],
  ],
  'cri-o': [
    [[1, 35, 0], '0.11.0'],
    [[1, 34, 0], '0.10.0'],
    [[1, 32, 0], '0.9.0'],
    [[1, 26, 0], '0.2.0'],
  ],
};

/** Since when runtimes know the events above REMOVE_CONTAINER; before, subscribing to one ends the connection. */
const ALL_EVENTS: Version = [0, 10, 0];

/**
 * Since when the runtime side can take UpdateContainers outside an event without a chance of deadlock
 * (containerd/nri#301, containerd/containerd#13733).
 */
const SAFE_UPDATES: Version = [0, 12, 1];

/** The numbers of "v2.1.9+unknown" or "0.12.1-rc.1"; undefined of "(devel)" and of 0.0.0, NRI's mark for not knowing. */
function parseVersion(text: string): Version | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (!match) return undefined;
  const version: Version = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  return version.some((part) => part > 0) ? version : undefined;
}

function isAtLeast(version: Version, wanted: Version): boolean {
  const [major, minor, patch] = version;
  if (major !== wanted[0]) return major > wanted[0];
  return minor === wanted[1] ? patch >= wanted[2] : minor > wanted[1];
}

/** The version of NRI in a runtime: what it said, else what its own version implies, else undefined. */
export function findNriVersion(runtime: { name: string; version: string; said: string }): string | undefined {
  if (parseVersion(runtime.said)) return runtime.said;
  const version = parseVersion(runtime.version);
  return version && NRI_OF_RUNTIME[runtime.name]?.find(([since]) => isAtLeast(version, since))?.[1];
}

function nriIsAtLeast(runtime: Pick<RuntimeInfo, 'nriVersion'>, wanted: Version): boolean {
  const version = parseVersion(runtime.nriVersion ?? '');
  return version !== undefined && isAtLeast(version, wanted);
}

/** Whether the runtime knows UPDATE_POD_SANDBOX, POST_UPDATE_POD_SANDBOX and VALIDATE_CONTAINER_ADJUSTMENT. */
export function knowsAllEvents(runtime: Pick<RuntimeInfo, 'nriVersion'>): boolean {
  return nriIsAtLeast(runtime, ALL_EVENTS);
}

/** Whether containers may be updated outside an event without the risk of a deadlock in the runtime. */
export function takesUnsolicitedUpdates(runtime: Pick<RuntimeInfo, 'nriVersion'>): boolean {
  return nriIsAtLeast(runtime, SAFE_UPDATES);
}
