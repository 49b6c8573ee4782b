/** One thing that is wrong with a field (metav1 StatusCause). */
export interface StatusCause {
  reason: string;
  message: string;
  field: string;
}

/** The cause for a name that has the wrong form, or is missing. */
export function nameCause(field: string, value: unknown, wanted: string): StatusCause {
  if (value === undefined || value === '') return required(field);
  return invalidValue(field, value, `must be ${wanted}`);
}

/** The cause for a value that is not accepted. */
export function invalidValue(field: string, value: unknown, why: string): StatusCause {
  const text = JSON.stringify(value) ?? 'null';
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${text}: ${why}`, field };
}

/** The cause for a field that must be there. */
export function required(field: string, why = ''): StatusCause {
  return { reason: 'FieldValueRequired', message: why === '' ? 'Required value' : `Required value: ${why}`, field };
}

/** The cause for a list that is too long. */
export function tooMany(field: string, count: number, max: number): StatusCause {
  return { reason: 'FieldValueTooMany', message: `Too many: ${count}: must have at most ${max} items`, field };
}

/** The cause for a text that is too long. */
export function tooLong(field: string, max: number): StatusCause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${max} bytes`, field };
}

/** The cause for a second use of what must be unique. */
export function duplicate(field: string, value: string): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(value)}`, field };
}

/** The cause for a change of what cannot change. */
export function immutable(field: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: 'Invalid value: field is immutable', field };
}

/** The cause for a value that may not be set here. */
export function forbidden(field: string, why: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}
