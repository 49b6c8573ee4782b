/** What the values of the chart are, read from its schema (types, descriptions), values.yaml (defaults) and its alerts. */
import { parse } from 'yaml';
import { describeDriverTypes } from './driver-types.ts';
import { type Definitions, type JsonSchema, oneOf } from './json-schema.ts';
import { podTypes } from './pod-types.ts';
import { volumeTypes } from './volume-types.ts';

/** The chart's files that its values are described by, as text. */
export interface ChartFiles {
  readonly schema: string;
  readonly values: string;
  readonly alerts: string;
}

/** A row of the table of values. */
interface ValueRow {
  /** With dots, such as "image.tag". */
  readonly name: string;
  readonly type: string;
  /** Its default as compact JSON; absent where there is none. */
  readonly fallback: string | undefined;
  readonly help: string;
}

type ValuesSchema = JsonSchema & { readonly $defs: Definitions };

/** The names of the chart's alerts, in its order. */
function listAlerts(alerts: string): readonly string[] {
  return (parse(alerts) as { name: string }[]).map(({ name }) => name);
}

/** The chart's schema with the definitions that its values refer to. */
export function completeValuesSchema({ schema, alerts }: ChartFiles): ValuesSchema {
  const $defs = {
    ...describeDriverTypes(),
    AlertName: oneOf(...listAlerts(alerts)),
    ...podTypes,
    ...volumeTypes,
  };
  return { ...(JSON.parse(schema) as ValuesSchema), $defs };
}

function describeType({ type, $ref }: JsonSchema): string {
  const name = $ref?.replace('#/$defs/', '');
  return name === undefined || name === 'driverConfig' ? [type ?? 'object'].flat().join(' or ') : name;
}

function describeEach(prefix: string, schema: JsonSchema, defaults: unknown): ValueRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    if (typeof value === 'boolean') return [];
    const name = `${prefix}${key}`;
    const fallback = (defaults as Record<string, unknown> | undefined)?.[key];
    if (value.properties && !value.allOf) return describeEach(`${name}.`, value, fallback);
    const words = value.enum?.map((word) => (word === '' ? '""' : word)).join(', ');
    const help = `${value.description ?? ''}${words === undefined ? '' : ` One of: ${words}.`}`;
    const type = value.items?.$ref ? `array of ${describeType(value.items)}` : describeType(value);
    const row = { name, type, fallback: fallback === undefined ? undefined : JSON.stringify(fallback), help };
    return [row, ...describeEach(`${name}[].`, value.items ?? {}, undefined)];
  });
}

/** Every value that can be set, in the schema's order. */
export function describeValues({ schema, values }: ChartFiles): readonly ValueRow[] {
  return describeEach('', JSON.parse(schema) as ValuesSchema, parse(values));
}
