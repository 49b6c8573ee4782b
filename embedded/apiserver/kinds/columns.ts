import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';

/** A column of `kubectl get`; `wide` ones show with `-o wide` only. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly description: string;
  readonly wide?: boolean;
  value(object: KubeObject, now: Date): string | number;
}

/** Name of an object, first in every table. */
export const NAME_COLUMN: TableColumn = {
  name: 'Name',
  type: 'string',
  description: 'Name must be unique within a namespace.',
  value: (object) => object.metadata.name,
};

/** "5s", "3m20s", "2h5m", "4d3h", "60d": the short form of kubectl (apimachinery util/duration). */
export function shortDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const pair = (big: string, small: number, unit: string) => (small === 0 ? big : `${big}${small}${unit}`);
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${Math.floor(seconds)}s`;
  if (minutes < 10) return pair(`${minutes}m`, Math.floor(seconds % 60), 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return pair(`${hours}h`, minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days < 8 ? pair(`${days}d`, hours % 24, 'h') : `${days}d`;
}

/** How long ago a time was, "<unknown>" when there is none. */
export function ageOf(time: unknown, now: Date): string {
  const then = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(then) ? '<unknown>' : shortDuration((now.getTime() - then) / 1000);
}

/** Age of an object, last of the columns that are always shown. */
export const AGE_COLUMN: TableColumn = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  value: (object, now) => ageOf(object.metadata.creationTimestamp, now),
};

/** A column with the text at a path; `<none>` where there is nothing. */
export function pathColumn(name: string, path: string, options: { wide?: boolean; absent?: string } = {}): TableColumn {
  return {
    name,
    type: 'string',
    description: `The field ${path}.`,
    ...(options.wide ? { wide: true } : {}),
    value: (object) => {
      const value = valueAt(object, path);
      return typeof value === 'string' || typeof value === 'number' ? value : (options.absent ?? '<none>');
    },
  };
}

/** A column with a text of its own. */
export function textColumn(name: string, description: string, value: (object: KubeObject) => string): TableColumn {
  return { name, type: 'string', description, value };
}
