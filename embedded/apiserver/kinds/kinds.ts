import { CORE_KINDS } from './core.ts';
import { EVENT_KINDS } from './events.ts';
import { PODS } from './pods.ts';
import { RESOURCE_KINDS } from './resource.ts';
import type { ResourceKind } from './resource-kind.ts';

/** Every kind that the server knows. */
export const KINDS: readonly ResourceKind[] = [...CORE_KINDS, PODS, ...EVENT_KINDS, ...RESOURCE_KINDS];
