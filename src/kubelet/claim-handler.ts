/** A claim as the kubelet names it. */
export interface ClaimReference {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A device of a prepared claim (k8s.io/kubelet dra/v1 Device, 0.37). */
export interface PreparedDevice {
  /** Names of the claim's requests; none means all of them. */
  readonly requestNames: string[];
  readonly poolName: string;
  readonly deviceName: string;
  /** Fully qualified CDI device names. */
  readonly cdiDeviceIds: string[];
  /** Which share of a device that several claims use at once. */
  readonly shareId?: string;
}

/** What became of one claim of a Prepare call. */
export type PrepareOutcome =
  | { readonly uid: string; readonly devices: PreparedDevice[] }
  | { readonly uid: string; readonly error: string };

/** What became of one claim of an Unprepare call. */
export type UnprepareOutcome = { readonly uid: string; readonly error?: string };

/** What the kubelet's calls are handed to. Both methods are called concurrently and must be idempotent. */
export interface ClaimHandler {
  prepare(claims: readonly ClaimReference[]): Promise<readonly PrepareOutcome[]>;
  unprepare(claims: readonly ClaimReference[]): Promise<readonly UnprepareOutcome[]>;
}
