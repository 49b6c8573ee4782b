import { AGE_COLUMN, NAME_COLUMN } from './columns.ts';
import type { ResourceKind } from './resource-kind.ts';

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
