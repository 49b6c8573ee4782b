import type { Event, Node, Pod } from '../../src/resource-api/core-objects.ts';
import type { KubeObject } from '../../src/resource-api/kube-object.ts';
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../../src/resource-api/objects.ts';

/** What is known of the objects of a resource, by the name the store has for it. */
interface TypesByResource {
  pods: Pod;
  nodes: Node;
  events: Event;
  deviceclasses: DeviceClass;
  resourceslices: ResourceSlice;
  resourceclaims: ResourceClaim;
  resourceclaimtemplates: ResourceClaimTemplate;
}

/** The type of the objects of a resource. */
export type ObjectOf<R extends string> = R extends keyof TypesByResource ? TypesByResource[R] : KubeObject;
