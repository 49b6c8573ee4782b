import { asObject } from '../lib/json.ts';
import { watchError } from './api-error.ts';
import type { ApiObject } from './api-object.ts';
import { checkObject, type ExpectedObject, malformedAnswer } from './check-object.ts';

/** One event of a watch. */
export type WatchEvent<T> =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly object: T;
      /** How long its text was, in characters: what it costs to keep it. */
      readonly length: number;
    }
  /** Nothing changed up to this resourceVersion. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/**
 * Reads the event of one line of a watch (metav1 WatchEvent).
 * @throws ApiError the server's reason for an ERROR event, MalformedAnswer for what is no event of the watched objects.
 */
export function checkWatchEvent<T extends ApiObject>(
  action: string,
  event: { readonly value: unknown; readonly length: number },
  expected: ExpectedObject,
): WatchEvent<T> {
  const { type, object } = asObject(event.value);
  switch (type) {
    case 'ERROR':
      throw watchError(action, object);
    case 'BOOKMARK': {
      const { resourceVersion } = asObject(asObject(object)['metadata']);
      if (typeof resourceVersion === 'string') return { type, resourceVersion };
      throw malformedAnswer(action, 'resourceVersion of a bookmark', { value: resourceVersion, want: 'a text' });
    }
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: checkObject(action, object, expected) as T, length: event.length };
    default:
      throw malformedAnswer(action, 'type of an event', { value: type, want: 'ADDED, MODIFIED or DELETED' });
  }
}
