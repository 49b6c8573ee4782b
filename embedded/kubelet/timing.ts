/** How long the kubelet waits before it tries or notices something, all in milliseconds. */
export interface KubeletTiming {
  /** Until a pod whose claims could not be prepared is tried again; up to half as much is added by chance. */
  readonly podResyncMs: number;
  /** Until a container that could not be created or started is tried again. */
  readonly containerRetryMs: number;
  /** Before the second restart of a container; doubles with every further one. */
  readonly restartDelayMs: number;
  readonly restartDelayMaxMs: number;
  /** Until a pod that vanished from the API, as after a forced deletion, is ended. */
  readonly housekeepingMs: number;
  /** Until claims that could not be unprepared are tried again. */
  readonly unprepareRetryMs: number;
  /** Until a health stream that ended is opened again. */
  readonly healthRetryMs: number;
  /** Until the slices of a driver that is gone are deleted. */
  readonly sliceWipeMs: number;
}

/** As the real kubelet has them (1.37), the resync and the housekeeping as measured. */
export const REAL_TIMING: KubeletTiming = {
  podResyncMs: 60_000,
  containerRetryMs: 10_000,
  restartDelayMs: 10_000,
  restartDelayMaxMs: 300_000,
  housekeepingMs: 2_000,
  unprepareRetryMs: 2_000,
  healthRetryMs: 5_000,
  sliceWipeMs: 30_000,
};
