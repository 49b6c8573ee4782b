import type { StatusCause } from './causes.ts';
import { invalidValue, nameCause, required, tooLong } from './causes.ts';
import { isDnsSubdomain, SUBDOMAIN_LENGTH_MAX } from './names.ts';

/** Longest driver name and domain of an attribute (resource.k8s.io/v1 DriverNameMaxLength). */
const DRIVER_NAME_LENGTH_MAX = 63;
/** Longest name of an attribute without its domain (DeviceMaxIDLength). */
const ID_LENGTH_MAX = 32;
/** Longest opaque parameters in bytes (OpaqueParametersMaxLength). */
const PARAMETERS_LENGTH_MAX = 10 * 1024;

/** What is wrong with a driver's name. */
export function driverNameCauses(field: string, name: unknown): StatusCause[] {
  if (typeof name === 'string' && isDnsSubdomain(name.toLowerCase(), DRIVER_NAME_LENGTH_MAX)) return [];
  return [nameCause(field, name, `a DNS subdomain of at most ${DRIVER_NAME_LENGTH_MAX} characters`)];
}

/** What is wrong with a pool's name: DNS subdomains separated by slashes. */
export function poolNameCauses(field: string, name: unknown): StatusCause[] {
  if (typeof name !== 'string' || name === '') return [required(field)];
  if (name.length > SUBDOMAIN_LENGTH_MAX) return [tooLong(field, SUBDOMAIN_LENGTH_MAX)];
  const isValid = name.split('/').every((part) => isDnsSubdomain(part));
  return isValid ? [] : [invalidValue(field, name, 'must be DNS subdomains separated by slashes')];
}

function identifierCauses(field: string, id: string): StatusCause[] {
  if (id.length > ID_LENGTH_MAX) return [tooLong(field, ID_LENGTH_MAX)];
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(id) ? [] : [invalidValue(field, id, 'must be a C identifier')];
}

/** What is wrong with the name of an attribute or capacity: "id" or "domain/id". */
export function qualifiedNameCauses(field: string, name: string): StatusCause[] {
  const parts = name.split('/');
  if (parts.length > 2) return [invalidValue(field, name, 'must not contain more than one slash')];
  const id = parts.at(-1) ?? '';
  return [...(parts.length === 2 ? driverNameCauses(field, parts[0]) : []), ...identifierCauses(field, id)];
}

/** As `qualifiedNameCauses`, and the domain must be there. */
export function fullyQualifiedNameCauses(field: string, name: string): StatusCause[] {
  if (name.includes('/')) return qualifiedNameCauses(field, name);
  return [invalidValue(field, name, 'a fully qualified name must be a domain and a name separated by a slash')];
}

/** What is wrong with opaque configuration. */
export function opaqueCauses(
  field: string,
  opaque: { driver?: unknown; parameters?: unknown } | undefined,
): StatusCause[] {
  if (!opaque) return [required(`${field}.opaque`)];
  const { driver, parameters } = opaque;
  const causes = driverNameCauses(`${field}.opaque.driver`, driver);
  const path = `${field}.opaque.parameters`;
  if (parameters === undefined) return [...causes, required(path)];
  if (typeof parameters !== 'object' || Array.isArray(parameters)) {
    return [...causes, invalidValue(path, '<value omitted>', 'must be a valid JSON object')];
  }
  return JSON.stringify(parameters).length > PARAMETERS_LENGTH_MAX
    ? [...causes, tooLong(path, PARAMETERS_LENGTH_MAX)]
    : causes;
}
