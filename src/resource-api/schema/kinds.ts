import { V1BETA1_TYPES } from './beta-types.ts';
import { META_TYPES } from './meta-types.ts';
import { POD_TYPES } from './pod-types.ts';
import { RESOURCE_TYPES } from './resource-types.ts';
import { readSchema, type Schema } from './schema.ts';
import { VOLUME_TYPES } from './volume-types.ts';
import { WORKLOAD_TYPES } from './workload-types.ts';

const SCHEMA = readSchema(META_TYPES, POD_TYPES, VOLUME_TYPES, WORKLOAD_TYPES, RESOURCE_TYPES);
const V1BETA1_SCHEMA = readSchema(META_TYPES, RESOURCE_TYPES, V1BETA1_TYPES);

/** The types of the objects that this project reads, by the apiVersion they are written in. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map([
  ['resource.k8s.io/v1', SCHEMA],
  ['resource.k8s.io/v1beta2', SCHEMA],
  ['resource.k8s.io/v1beta1', V1BETA1_SCHEMA],
  ['v1', SCHEMA],
  ['apps/v1', SCHEMA],
  ['batch/v1', SCHEMA],
]);

const RESOURCE_VERSIONS = ['resource.k8s.io/v1', 'resource.k8s.io/v1beta2', 'resource.k8s.io/v1beta1'];

/** The apiVersions of each kind, the preferred one first. A kind's type has its name. */
export const VERSIONS_OF_KIND: ReadonlyMap<string, readonly string[]> = new Map([
  ['ResourceClaim', RESOURCE_VERSIONS],
  ['ResourceClaimTemplate', RESOURCE_VERSIONS],
  ['DeviceClass', RESOURCE_VERSIONS],
  ['ResourceSlice', RESOURCE_VERSIONS],
  ['Pod', ['v1']],
  ['PodTemplate', ['v1']],
  ['ReplicationController', ['v1']],
  ['Deployment', ['apps/v1']],
  ['ReplicaSet', ['apps/v1']],
  ['StatefulSet', ['apps/v1']],
  ['DaemonSet', ['apps/v1']],
  ['Job', ['batch/v1']],
  ['CronJob', ['batch/v1']],
]);
