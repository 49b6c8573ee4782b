/** What the chart's values are, read from its schema (types, sentences) and values.yaml (defaults). */
import { parse } from 'yaml';
import { describeConfigSchema } from '../src/config/json-schema.ts';

interface ValueSchema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
}

type ValuesSchema = ValueSchema & { readonly $defs: { readonly driverConfig: object } };

/** A row of the table of values. */
export interface ValueRow {
  /** With dots, such as "image.tag". */
  readonly name: string;
  readonly type: string;
  /** Its default as compact JSON; absent where there is none. */
  readonly fallback: string | undefined;
  readonly help: string;
}

/** The chart's schema with the schema of the configuration file that the program has now as `driverConfig`. */
export function completeValuesSchema(text: string): ValuesSchema {
  const { properties, additionalProperties, type } = describeConfigSchema();
  const schema = JSON.parse(text) as ValuesSchema;
  return { ...schema, $defs: { ...schema.$defs, driverConfig: { type, additionalProperties, properties } } };
}

function describeEach(prefix: string, schema: ValueSchema, defaults: unknown): ValueRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    const fallback = (defaults as Record<string, unknown> | undefined)?.[key];
    if (value.properties) return describeEach(`${name}.`, value, fallback);
    const allowed = value.enum?.map((text) => (text === '' ? '""' : text)).join(', ');
    const help = `${value.description ?? ''}${allowed === undefined ? '' : ` One of: ${allowed}.`}`;
    const type = [value.type ?? 'object'].flat().join(' or ');
    return [{ name, type, fallback: fallback === undefined ? undefined : JSON.stringify(fallback), help }];
  });
}

/** Every value that can be set, in the schema's order. */
export function describeValues(chart: { readonly schema: string; readonly values: string }): readonly ValueRow[] {
  return describeEach('', JSON.parse(chart.schema) as ValuesSchema, parse(chart.values));
}
