import type { ResourceKind } from '../kinds/resource-kind.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import { badRequest } from '../status-error.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge.ts';
import { applyConfiguration } from './server-side-apply.ts';

/** A change in one of the four forms of the Kubernetes API. */
export type Patch =
  | { readonly type: 'json' | 'merge' | 'strategic'; readonly body: unknown }
  | { readonly type: 'apply'; readonly body: unknown; readonly fieldManager: string; readonly force?: boolean };

/** What a patch is applied to, beside the object. */
export interface PatchRequest {
  readonly kind: ResourceKind;
  readonly now: Date;
  readonly subresource: string | undefined;
}

/**
 * The object with a patch applied; only an apply patch can do without a current object.
 * @throws StatusError BadRequest, Invalid or Conflict.
 */
export function applyPatch(current: KubeObject | undefined, patch: Patch, request: PatchRequest): JsonObject {
  const { body } = patch;
  switch (patch.type) {
    case 'json':
      return applyJsonPatch<JsonObject>({ ...current }, body);
    case 'apply':
      return applyConfiguration(current, body, {
        ...request,
        manager: patch.fieldManager,
        force: patch.force ?? false,
      });
    case 'merge':
    case 'strategic':
      if (!isJsonObject(body)) throw badRequest(`Cannot apply a ${patch.type} patch: it must be an object`);
      return applyMergePatch({ ...current }, body, patch.type === 'merge' ? undefined : request.kind.type);
  }
}
