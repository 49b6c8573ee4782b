import type { ClaimReference } from '../claims/claim.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import type { ClaimPod } from '../claims/claim-object.ts';

/** What became of a claim: the one account that logs, metrics, events and claim status are made from. */
export type ClaimEvent =
  /** It has its CPUs and its file; `isNew` is false when it was prepared before. */
  | {
      readonly kind: 'prepared';
      readonly claim: PreparedClaim;
      /** The pods the claim is reserved for. */
      readonly pods: readonly ClaimPod[];
      readonly isNew: boolean;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'prepare-failed';
      readonly reference: ClaimReference;
      /** The pods the claim is reserved for, as far as the API server told. */
      readonly pods: readonly ClaimPod[];
      readonly error: unknown;
      readonly durationMs: number;
    }
  /** `released` is undefined when nobody had prepared it here. */
  | { readonly kind: 'unprepared'; readonly reference: ClaimReference; readonly released: PreparedClaim | undefined }
  | { readonly kind: 'unprepare-failed'; readonly reference: ClaimReference; readonly error: unknown };
