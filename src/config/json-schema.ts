import { describeDefault } from './help.ts';
import { CONFIG_API_VERSION, optionRows } from './options.ts';

/** The JSON schema of one key of the configuration file. */
interface KeySchema {
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | boolean | number;
}

/** The JSON schema (draft 2020-12) of the configuration file. */
export interface ConfigSchema {
  readonly $schema: string;
  readonly $id: string;
  readonly title: string;
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, KeySchema>>;
}

/** The schema of the configuration file, for editors and for the chart's `driverConfig`. */
export function describeConfigSchema(): ConfigSchema {
  const properties: Record<string, KeySchema> = {
    apiVersion: { type: 'string', description: 'Version of the file.', enum: [CONFIG_API_VERSION] },
  };
  for (const [, row] of optionRows) {
    if (row.key === undefined || row.notInFile !== undefined) continue;
    const { type, allowed, pattern, minimum, maximum } = row.value;
    properties[row.key] = {
      type,
      description: row.default === '' ? `${row.help} Default: ${describeDefault(row)}.` : row.help,
      ...(allowed && { enum: allowed }),
      ...(pattern !== undefined && type === 'string' && { pattern }),
      ...(minimum !== undefined && { minimum }),
      ...(maximum !== undefined && { maximum }),
      ...(row.default !== '' && {
        default: type === 'string' ? row.default : (JSON.parse(row.default) as boolean | number),
      }),
    };
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'driverconfig.schema.json',
    title: 'Configuration file of dracpu',
    type: 'object',
    additionalProperties: false,
    properties,
  };
}
