import type { KubeObject } from '../../src/resource-api/kube-object.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';

/** What happened to an object. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Who says so. */
  readonly component: string;
}

/** Longest message of an event (core/v1 validation). */
const MESSAGE_LENGTH_MAX = 1024;

/** Records an event about an object; `kubectl describe` shows it. */
export function recordEvent(store: ObjectStore, about: KubeObject, event: EventText): void {
  const { name, namespace = 'default', uid, resourceVersion } = about.metadata;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  if (store.find('namespaces', namespace)?.metadata.deletionTimestamp !== undefined) return;
  store.create('events', {
    metadata: { generateName: `${name}.`, namespace },
    involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, MESSAGE_LENGTH_MAX),
    source: { component: event.component },
    reportingComponent: event.component,
    reportingInstance: event.component,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  });
}
