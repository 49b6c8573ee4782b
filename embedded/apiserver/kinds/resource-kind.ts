import { AGE_COLUMN, NAME_COLUMN, type TableColumn } from './columns.ts';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import type { StatusCause } from '../../../src/resource-api/validate/causes.ts';

/** A subresource that writes one part of the object and nothing else. */
interface PartSubresource {
  readonly kind: 'part';
  /** Dotted path of the part. */
  readonly path: string;
}

/** A subresource that takes a body of its own kind and changes the object with it. */
interface ActionSubresource {
  readonly kind: 'action';
  readonly bodyKind: string;
  /** The changed object; `draft` may be changed and returned. */
  apply(draft: KubeObject, body: KubeObject): KubeObject;
}

/** Another API's view of objects that are stored under another key. */
interface KindAlias {
  readonly of: string;
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** One kind as the server treats it: the table of these is all the server knows about kinds. */
export interface ResourceKind {
  /** The name by which the store knows it: the plural, with the group where two groups share it. */
  readonly key: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  /** Groups of resources it belongs to, such as "all" of `kubectl get all`. */
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Name of its type in the field tables. */
  readonly type: string;
  /** Whether `metadata.generation` counts the changes of everything but metadata and status. */
  readonly hasGeneration: boolean;
  readonly subresources: Readonly<Record<string, PartSubresource | ActionSubresource>>;
  /** Whether a status given on creation is kept. */
  readonly keepsStatusOnCreate: boolean;
  /** Dotted paths that field selectors may use, besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  readonly columns: readonly TableColumn[];
  /** Fills in defaults on the draft of a new or changed object; `stored` is its state before the write. */
  setDefaults?(draft: KubeObject, stored?: KubeObject): void;
  /** What is wrong with an object; `stored` is its state before the write. */
  validate?(object: KubeObject, stored: KubeObject | undefined): StatusCause[];
  readonly alias?: KindAlias;
  /** Longest grace of a deletion in seconds, 0 when the object goes at once; absent: always at once. */
  gracePeriodSeconds?(object: KubeObject): number;
}

/** apiVersion text of a kind, "v1" for the core group. */
export function apiVersionOf(kind: Pick<ResourceKind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** What must be said about a kind; the rest follows. */
type KindDefinition = Pick<ResourceKind, 'plural' | 'kind' | 'namespaced'> & Partial<ResourceKind>;

/** Completes the description of a kind: core/v1, no subresources, name and age as columns. */
export function defineKind(definition: KindDefinition): ResourceKind {
  return {
    key: definition.plural,
    group: '',
    version: 'v1',
    singular: definition.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    type: definition.kind,
    hasGeneration: false,
    subresources: {},
    keepsStatusOnCreate: false,
    selectableFields: [],
    columns: [NAME_COLUMN, AGE_COLUMN],
    ...definition,
  };
}
