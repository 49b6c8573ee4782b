import { type PodCpus, readPodCpus } from './pod-cpus.ts';

/** Calls `poll` every `intervalMs` until the returned function is called. */
type Schedule = (poll: () => void, intervalMs: number) => () => void;

/** Whom to tell of another limit. */
export interface WatchPodCpusOptions {
  readonly hostRoot: string;
  /** What was read before. */
  readonly known: PodCpus | undefined;
  readonly onChange: (now: PodCpus | undefined, before: PodCpus | undefined) => void;
  readonly schedule?: Schedule;
}

/** As often as the online CPUs are read. The kernel reports no change of a cpuset. */
const POLL_INTERVAL_MS = 5_000;

/** Where there is no cgroup of pods all of the host's are looked through, which is done once a minute. */
const POLLS_PER_SEARCH = 12;

const everyInterval: Schedule = (poll, intervalMs) => {
  const timer = setInterval(poll, intervalMs).unref();
  return () => clearInterval(timer);
};

function isSame(a: PodCpus | undefined, b: PodCpus | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.cpus.equals(b.cpus);
}

/**
 * Watches for changes of the CPUs that containers of pods can have, by polling.
 * @returns ends the watch; may be called twice.
 */
export function watchPodCpus({ hostRoot, known, onChange, schedule = everyInterval }: WatchPodCpusOptions): () => void {
  let before = known;
  let polls = 0;
  return schedule(() => {
    polls += 1;
    if (before === undefined && polls % POLLS_PER_SEARCH !== 0) return;
    const now = readPodCpus(hostRoot);
    if (isSame(now, before)) return;
    const last = before;
    before = now;
    onChange(now, last);
  }, POLL_INTERVAL_MS);
}
