/** The part of JSON Schema (draft 2020-12) that the schema of the chart's values is made of. */

/** A JSON schema. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | number)[];
  readonly const?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly minProperties?: number;
  readonly properties?: Readonly<Record<string, JsonSchema | boolean>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly propertyNames?: JsonSchema;
  readonly required?: readonly string[];
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
}

/** Schemas by the names under which `$ref` finds them. */
export type Definitions = Readonly<Record<string, JsonSchema>>;

export const text: JsonSchema = { type: 'string' };
export const whole: JsonSchema = { type: 'integer' };
export const flag: JsonSchema = { type: 'boolean' };

/** One of a few words. */
export const oneOf = (...words: readonly string[]): JsonSchema => ({ type: 'string', enum: words });

export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

export const mapOf = (values: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: values });

/** The definition of a name. */
export const refer = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });

/** A map that takes only the properties that are listed, some of which are required. */
export function closed(properties: Readonly<Record<string, JsonSchema>>, ...required: readonly string[]): JsonSchema {
  return { type: 'object', additionalProperties: false, properties, ...(required.length > 0 && { required }) };
}
