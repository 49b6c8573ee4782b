import { Container, PodSandbox, type SynchronizeRequest } from '../../src/gen/nri.ts';

/** All pods and containers. */
export interface State {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

/** Bytes of an entry's key and length in the request around it, generously. */
const ENTRY_BYTES = 8;

/** Cuts a state into requests of at most `bytesMax` bytes each, though no fewer than one object; all but the last say `more`. */
export function splitState({ pods, containers }: State, bytesMax: number): SynchronizeRequest[] {
  const requests: SynchronizeRequest[] = [];
  let request: SynchronizeRequest = { pods: [], containers: [], more: false };
  let bytes = 0;
  const makeRoom = (objectBytes: number) => {
    if (bytes > 0 && bytes + objectBytes > bytesMax) {
      requests.push({ ...request, more: true });
      request = { pods: [], containers: [], more: false };
      bytes = 0;
    }
    bytes += objectBytes;
  };
  for (const pod of pods) {
    makeRoom(PodSandbox.encode(pod).finish().length + ENTRY_BYTES);
    request.pods.push(pod);
  }
  for (const container of containers) {
    makeRoom(Container.encode(container).finish().length + ENTRY_BYTES);
    request.containers.push(container);
  }
  return [...requests, request];
}
