/** The types of values that the driver itself reads: its configuration file, its flags and its environment. */
import { describeConfigSchema } from '../../src/config/json-schema.ts';
import { type Option, optionRows } from '../../src/config/options.ts';
import { closed, type Definitions, type JsonSchema, refer, text } from './json-schema.ts';

const rows: readonly Option<unknown>[] = optionRows.map(([, row]) => row);

/** The texts that an option takes; undefined where it takes every text. */
function describeText({ value }: Option<unknown>): JsonSchema | undefined {
  if (value.allowed) return { enum: [...value.allowed] };
  return value.pattern === undefined ? undefined : { pattern: value.pattern };
}

/** A pattern without its anchors, to be put into another pattern. */
const embed = (pattern: string) => `(${pattern.replaceAll(/(?<!\[)\^/g, '').replaceAll(/\$(?=\||$)/g, '')})`;

/** A flag with the values that it takes, as a pattern. */
function describeFlag(flag: string, { value: { allowed, pattern } }: Option<unknown>): string {
  const taken = allowed ? `(${allowed.join('|')})` : pattern === undefined ? '.*' : embed(pattern);
  return `${flag}(=${taken})?`;
}

/**
 * An argument of the driver: a flag that it has, alone or with a value after "=", or the value of the flag before it. Go's
 * flag package allows one dash or two.
 */
function describeArgument(): JsonSchema {
  const flags = rows.flatMap((row) => (row.flag === undefined ? [] : [describeFlag(row.flag, row)]));
  return { type: 'string', pattern: `^[^-]|^--?(${flags.join('|')})$` };
}

/** A variable of the driver's environment; one that is an option has a value that the option takes. */
function describeVariable(): JsonSchema {
  const values = rows.flatMap((row) => {
    const valid = describeText(row);
    if (row.environment === undefined || valid === undefined) return [];
    const isOther = { properties: { name: { not: { const: row.environment } } } };
    return [{ anyOf: [isOther, { properties: { value: valid } }] }];
  });
  return { ...closed({ name: text, value: text, valueFrom: refer('EnvVarSource') }, 'name'), allOf: values };
}

/** Definitions made from the table of options, so that Helm refuses what the driver would refuse at its start. */
export function describeDriverTypes(): Definitions {
  const { properties, additionalProperties, type } = describeConfigSchema();
  return {
    driverConfig: { type, additionalProperties, properties },
    DriverArgument: describeArgument(),
    EnvVar: describeVariable(),
  };
}
