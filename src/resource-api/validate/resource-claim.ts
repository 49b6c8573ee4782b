import { parseQuantity } from '../quantity.ts';
import type { StatusCause } from './causes.ts';
import { duplicate, invalidValue, nameCause, required, tooMany } from './causes.ts';
import { configsCauses, selectorsCauses } from './device-class.ts';
import { isDnsLabel, isDnsSubdomain } from './names.ts';
import { fullyQualifiedNameCauses, qualifiedNameCauses } from './resource-names.ts';

/** Limits of resource.k8s.io/v1 (api types.go, 1.36). */
const REQUESTS_MAX = 32;
const CONSTRAINTS_MAX = 32;
const ALTERNATIVES_MAX = 8;

interface DeviceRequest {
  name?: string;
  deviceClassName?: string;
  allocationMode?: string;
  count?: number;
  selectors?: object[];
  capacity?: { requests?: Record<string, string> };
}

interface Request {
  name?: string;
  exactly?: DeviceRequest;
  firstAvailable?: DeviceRequest[];
}

interface Constraint {
  requests?: string[];
  matchAttribute?: string;
  distinctAttribute?: string;
}

/** The devices that a claim asks for (resource.k8s.io/v1 DeviceClaim), as far as they are checked. */
export interface DeviceClaim {
  requests?: Request[];
  constraints?: Constraint[];
  config?: { requests?: string[]; opaque?: object }[];
}

function countCauses(field: string, request: DeviceRequest): StatusCause[] {
  const { allocationMode, count = 0 } = request;
  if (allocationMode === 'All') {
    const why = "must not be specified when allocationMode is 'All'";
    return count === 0 ? [] : [invalidValue(`${field}.count`, count, why)];
  }
  if (allocationMode === 'ExactCount') {
    return count > 0 ? [] : [invalidValue(`${field}.count`, count, 'must be greater than zero')];
  }
  const message = `Unsupported value: ${JSON.stringify(allocationMode)}: supported values: "All", "ExactCount"`;
  return [{ reason: 'FieldValueNotSupported', message, field: `${field}.allocationMode` }];
}

function deviceRequestCauses(field: string, request: DeviceRequest): StatusCause[] {
  const { deviceClassName = '' } = request;
  const causes = isDnsSubdomain(deviceClassName)
    ? []
    : [nameCause(`${field}.deviceClassName`, deviceClassName, 'a DNS subdomain')];
  causes.push(...selectorsCauses(`${field}.selectors`, request.selectors), ...countCauses(field, request));
  for (const [name, amount] of Object.entries(request.capacity?.requests ?? {})) {
    causes.push(...qualifiedNameCauses(`${field}.capacity.requests`, name));
    if (!parseQuantity(amount)) {
      causes.push(invalidValue(`${field}.capacity.requests[${name}]`, amount, 'must be a quantity'));
    }
  }
  return causes;
}

function alternativesCauses(field: string, alternatives: readonly DeviceRequest[]): StatusCause[] {
  if (alternatives.length > ALTERNATIVES_MAX) return [tooMany(field, alternatives.length, ALTERNATIVES_MAX)];
  return alternatives.flatMap((alternative, index) => {
    const path = `${field}[${index}]`;
    const name = alternative.name ?? '';
    const named = isDnsLabel(name) ? [] : [nameCause(`${path}.name`, name, 'a DNS label')];
    const isRepeated = alternatives.findIndex((other) => (other.name ?? '') === name) < index;
    return [...named, ...(isRepeated ? [duplicate(path, name)] : []), ...deviceRequestCauses(path, alternative)];
  });
}

function requestCauses(field: string, request: Request): StatusCause[] {
  const { name = '', exactly, firstAvailable = [] } = request;
  const causes = isDnsLabel(name) ? [] : [nameCause(`${field}.name`, name, 'a DNS label')];
  const why = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0) {
    causes.push(invalidValue(field, null, `${why}, but multiple fields are set`));
  } else if (exactly) {
    causes.push(...deviceRequestCauses(`${field}.exactly`, exactly));
  } else if (firstAvailable.length > 0) {
    causes.push(...alternativesCauses(`${field}.firstAvailable`, firstAvailable));
  } else {
    causes.push(required(field, why));
  }
  return causes;
}

/** Every name that constraints, configuration and results may use: "request" and "request/alternative". */
function requestNames(claim: DeviceClaim): Set<string> {
  const names = (claim.requests ?? []).flatMap((request) => [
    request.name ?? '',
    ...(request.firstAvailable ?? []).map((alternative) => `${request.name}/${alternative.name}`),
  ]);
  return new Set(names);
}

function referenceCauses(field: string, names: ReadonlySet<string>, references: readonly string[] = []): StatusCause[] {
  const why =
    'must be the name of a request in the claim or the name of a request and a subrequest separated by a slash';
  return references.flatMap((reference, index) =>
    names.has(reference) ? [] : [invalidValue(`${field}.requests[${index}]`, reference, why)],
  );
}

function constraintCauses(field: string, constraint: Constraint, names: ReadonlySet<string>): StatusCause[] {
  const { matchAttribute, distinctAttribute } = constraint;
  const causes = referenceCauses(field, names, constraint.requests);
  const attribute = matchAttribute ?? distinctAttribute;
  if (attribute === undefined || (matchAttribute !== undefined && distinctAttribute !== undefined)) {
    return [...causes, required(field, 'exactly one of `matchAttribute` or `distinctAttribute` is required')];
  }
  const name = matchAttribute === undefined ? 'distinctAttribute' : 'matchAttribute';
  return [...causes, ...fullyQualifiedNameCauses(`${field}.${name}`, attribute)];
}

/** What is wrong with the devices that a claim asks for (pkg/apis/resource/validation, 1.37). @param field their path. */
export function deviceClaimCauses(field: string, claim: DeviceClaim): StatusCause[] {
  const { requests = [], constraints = [], config = [] } = claim;
  if (requests.length > REQUESTS_MAX) return [tooMany(`${field}.requests`, requests.length, REQUESTS_MAX)];
  if (constraints.length > CONSTRAINTS_MAX)
    return [tooMany(`${field}.constraints`, constraints.length, CONSTRAINTS_MAX)];
  const names = requestNames(claim);
  const repeated = requests.flatMap(({ name = '' }, index) =>
    requests.findIndex((other) => (other.name ?? '') === name) < index
      ? [duplicate(`${field}.requests[${index}]`, name)]
      : [],
  );
  return [
    ...requests.flatMap((request, index) => requestCauses(`${field}.requests[${index}]`, request)),
    ...repeated,
    ...constraints.flatMap((constraint, index) =>
      constraintCauses(`${field}.constraints[${index}]`, constraint, names),
    ),
    ...config.flatMap((entry, index) => referenceCauses(`${field}.config[${index}]`, names, entry.requests)),
    ...configsCauses(`${field}.config`, config),
  ];
}
