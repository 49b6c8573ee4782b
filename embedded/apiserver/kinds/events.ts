import type { JsonObject, KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import { ageOf, NAME_COLUMN, pathColumn, type TableColumn, textColumn } from './columns.ts';
import { defineKind, type ResourceKind } from './resource-kind.ts';

/** Fields that the two event APIs name differently: core/v1, then events.k8s.io/v1. */
const RENAMED = [
  ['message', 'note'],
  ['involvedObject', 'regarding'],
  ['reportingComponent', 'reportingController'],
  ['count', 'deprecatedCount'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['source', 'deprecatedSource'],
] as const;

function rename(event: KubeObject, direction: { apiVersion: string; from: 0 | 1; to: 0 | 1 }): KubeObject {
  const names = new Map(RENAMED.map((pair) => [pair[direction.from] as string, pair[direction.to]]));
  const renamed: JsonObject = {};
  for (const [field, value] of Object.entries(event)) renamed[names.get(field) ?? field] = value;
  return { ...renamed, apiVersion: direction.apiVersion, kind: 'Event', metadata: event.metadata };
}

const LAST_SEEN_COLUMN: TableColumn = {
  name: 'Last Seen',
  type: 'string',
  description: 'Time since the event was last seen.',
  value: (event, now) => {
    const paths = ['series.lastObservedTime', 'lastTimestamp', 'deprecatedLastTimestamp', 'eventTime'];
    return ageOf(
      paths.map((path) => valueAt(event, path)).find((time) => time !== undefined),
      now,
    );
  },
};

function textAt(event: KubeObject, path: string): string {
  const value = valueAt(event, path);
  return typeof value === 'string' ? value : '';
}

function objectColumn(field: string): TableColumn {
  return textColumn('Object', 'What the event is about.', (event) => {
    return `${textAt(event, `${field}.kind`).toLowerCase()}/${textAt(event, `${field}.name`)}`;
  });
}

function columnsFor(field: string, message: string): readonly TableColumn[] {
  return [
    LAST_SEEN_COLUMN,
    pathColumn('Type', 'type'),
    pathColumn('Reason', 'reason'),
    objectColumn(field),
    pathColumn('Message', message),
    { ...NAME_COLUMN, wide: true },
  ];
}

function fieldsOf(object: string): string[] {
  const parts = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
  return [...parts.map((part) => `${object}.${part}`), 'reason', 'type'];
}

/** Events under both of their APIs; they are stored as core/v1. */
export const EVENT_KINDS: readonly ResourceKind[] = [
  defineKind({
    plural: 'events',
    kind: 'Event',
    type: 'CoreEvent',
    namespaced: true,
    shortNames: ['ev'],
    selectableFields: [...fieldsOf('involvedObject'), 'reportingComponent', 'source'],
    columns: columnsFor('involvedObject', 'message'),
  }),
  defineKind({
    key: 'events.events.k8s.io',
    group: 'events.k8s.io',
    plural: 'events',
    kind: 'Event',
    type: 'EventsEvent',
    namespaced: true,
    shortNames: ['ev'],
    selectableFields: [...fieldsOf('regarding'), 'reportingController'],
    columns: columnsFor('regarding', 'note'),
    alias: {
      of: 'events',
      toStored: (event) => rename(event, { apiVersion: 'v1', from: 1, to: 0 }),
      fromStored: (event) => rename(event, { apiVersion: 'events.k8s.io/v1', from: 0, to: 1 }),
    },
  }),
];
