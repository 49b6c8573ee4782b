import type { handleUnaryCall } from '@grpc/grpc-js';
import type {
  Claim,
  Device,
  NodePrepareResourceResponse,
  NodePrepareResourcesRequest,
  NodePrepareResourcesResponse,
  NodeUnprepareResourceResponse,
  NodeUnprepareResourcesRequest,
  NodeUnprepareResourcesResponse,
} from '../gen/kubelet/dra-v1.ts';
import { errorText } from '../lib/log.ts';
import { shorten } from '../lib/shorten.ts';
import type {
  ClaimHandler,
  ClaimReference,
  PreparedDevice,
  PrepareOutcome,
  UnprepareOutcome,
} from './claim-handler.ts';

/** A call of the kubelet that was answered. */
export interface KubeletCall {
  readonly method: 'NodePrepareResources' | 'NodeUnprepareResources';
  /** How many claims it named. */
  readonly claims: number;
  /** For how many of them the answer was an error. */
  readonly failed: number;
  readonly durationMs: number;
}

/** The DRA service in both versions: v1beta1 has the same fields but for the share id, which its codec leaves out. */
export type DraService = {
  nodePrepareResources: handleUnaryCall<NodePrepareResourcesRequest, NodePrepareResourcesResponse>;
  nodeUnprepareResources: handleUnaryCall<NodeUnprepareResourcesRequest, NodeUnprepareResourcesResponse>;
};

/** The kubelet writes an error into its log and an event of 1,024 bytes for each pod. */
const ERROR_LENGTH_MAX = 4_096;

const NO_ANSWER = 'Cannot answer for the claim: the driver gave no result for it; this is a fault of the driver';

function toDevice({ shareId, ...device }: PreparedDevice): Device {
  return { ...device, shareId };
}

function toPrepareResponse(outcome: PrepareOutcome): NodePrepareResourceResponse {
  if ('error' in outcome) return { devices: [], error: shorten(outcome.error, ERROR_LENGTH_MAX) };
  return { devices: outcome.devices.map(toDevice), error: '' };
}

function toUnprepareResponse(outcome: UnprepareOutcome): NodeUnprepareResourceResponse {
  return { error: shorten(outcome.error ?? '', ERROR_LENGTH_MAX) };
}

/** Every claim asked for gets exactly one entry, whatever the handler did. */
async function answerEach<Outcome extends { readonly uid: string }>(
  claims: readonly ClaimReference[],
  handle: (claims: readonly ClaimReference[]) => Promise<readonly Outcome[]>,
): Promise<Map<string, Outcome | { readonly uid: string; readonly error: string }>> {
  const fail = (reason: string) => new Map(claims.map(({ uid }) => [uid, { uid, error: reason }]));
  try {
    const byUid = new Map((await handle(claims)).map((outcome) => [outcome.uid, outcome]));
    return new Map(claims.map(({ uid }) => [uid, byUid.get(uid) ?? { uid, error: NO_ANSWER }]));
  } catch (error) {
    // An error of the whole call would fail these claims too, but the kubelet would not say which.
    return fail(errorText(error));
  }
}

function toReferences(claims: readonly Claim[]): ClaimReference[] {
  return claims.map(({ uid, namespace, name }) => ({ uid, namespace, name }));
}

/** Serves one method: answers, and tells `onCall` what came of it. */
function serve<Request extends { claims: Claim[] }, Entry extends { error: string }>(
  method: KubeletCall['method'],
  answer: (claims: readonly ClaimReference[]) => Promise<[string, Entry][]>,
  onCall: (call: KubeletCall) => void,
): handleUnaryCall<Request, { claims: Record<string, Entry> }> {
  const handle = async (claims: readonly ClaimReference[], respond: (entries: [string, Entry][]) => void) => {
    const startMs = performance.now();
    const entries = await answer(claims);
    respond(entries);
    const failed = entries.filter(([, entry]) => entry.error !== '').length;
    onCall({ method, claims: entries.length, failed, durationMs: performance.now() - startMs });
  };
  return (call, respond) => {
    void handle(toReferences(call.request.claims), (entries) => respond(null, { claims: Object.fromEntries(entries) }));
  };
}

/** The DRA service over what the driver offers. An exception of the handler becomes the error of every claim of the call. */
export function createDraService(handler: ClaimHandler, onCall: (call: KubeletCall) => void): DraService {
  return {
    nodePrepareResources: serve(
      'NodePrepareResources',
      async (claims) => {
        const outcomes = await answerEach(claims, (wanted) => handler.prepare(wanted));
        return [...outcomes].map(([uid, outcome]) => [uid, toPrepareResponse(outcome)]);
      },
      onCall,
    ),
    nodeUnprepareResources: serve(
      'NodeUnprepareResources',
      async (claims) => {
        const outcomes = await answerEach(claims, (wanted) => handler.unprepare(wanted));
        return [...outcomes].map(([uid, outcome]) => [uid, toUnprepareResponse(outcome)]);
      },
      onCall,
    ),
  };
}
