import { join } from 'node:path';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { tryParseCpuList } from '../../../src/cpuset/parse.ts';
import type { ClaimName } from '../peers/kubelet.ts';
import { type FileLook, lookAt, namesIn, parseJson, pathsBelow } from './files.ts';

/** Where derived files are. */
export interface DerivedPlaces {
  readonly pluginDirectory: string;
  readonly cdiDirectory: string;
}

/** A claim with its CPUs and the requests that it has devices of. */
export interface DerivedClaim extends ClaimName {
  readonly cpus: CpuSet;
  readonly requests: readonly string[];
}

interface SpecDocument {
  readonly kind?: unknown;
  readonly devices?: readonly (null | {
    readonly name?: unknown;
    readonly containerEdits?: {
      readonly env?: readonly unknown[];
      readonly mounts?: readonly { readonly hostPath?: unknown }[];
    };
  })[];
}

interface MetadataDocument {
  readonly apiVersion?: unknown;
  readonly metadata?: { readonly uid?: unknown };
  readonly requests?: readonly {
    readonly name?: unknown;
    readonly devices?: readonly { readonly attributes?: Record<string, { readonly string?: string }> }[];
  }[];
}

/** Path of the CDI spec file of a claim. */
export function specPath({ cdiDirectory }: DerivedPlaces, uid: string): string {
  return join(cdiDirectory, `dra.k8s.io-cpu_claim-${uid}.json`);
}

/** Path of the CDI spec file that mounts a request's metadata. */
export function metadataSpecPath({ cdiDirectory }: DerivedPlaces, uid: string, request: string): string {
  return join(cdiDirectory, `dra.cpu_metadata_${uid}_${request}.json`);
}

/** Folder of a claim's metadata documents. */
export function metadataFolder({ pluginDirectory }: DerivedPlaces, { namespace, name }: ClaimName): string {
  return join(pluginDirectory, 'dra-device-metadata', `${namespace}_${name}`);
}

/** Path of a request's metadata document. */
export function metadataPath(places: DerivedPlaces, claim: ClaimName, request: string): string {
  return join(metadataFolder(places, claim), request, 'metadata.json');
}

function problemOf(look: FileLook, what: string, check: (document: unknown) => string | undefined): string | undefined {
  if (look.kind === 'missing') return `${what} is missing`;
  if (look.kind === 'odd') return `${what} is ${look.what}`;
  const document = parseJson(look.text);
  if (document === undefined) return `${what} is not one JSON document`;
  const problem = check(document);
  return problem === undefined ? undefined : `${what} ${problem}`;
}

function checkSpec(document: unknown, { uid, cpus }: DerivedClaim): string | undefined {
  const { kind, devices = [] } = document as SpecDocument;
  const device = devices.find((one) => one?.name === `claim-${uid}`);
  if (kind !== 'dra.k8s.io/cpu' || !device) return 'does not have the device of the claim';
  const env = device.containerEdits?.env ?? [];
  const values = env.filter((entry) => String(entry).startsWith(`DRA_CPUSET_${uid}=`));
  const told = tryParseCpuList(String(values[0]).split('=')[1]);
  return values.length === 1 && told?.equals(cpus) === true
    ? undefined
    : `tells ${JSON.stringify(env)}, want CPUs ${cpus}`;
}

function checkMetadataSpec(document: unknown, uid: string, request: string): string | undefined {
  const { kind, devices = [] } = document as SpecDocument;
  const device = devices.find((one) => one?.name === `${uid}_${request}`);
  if (kind !== 'dra.cpu/metadata' || !device) return 'does not have the device of the request';
  const hostPath = device.containerEdits?.mounts?.[0]?.hostPath;
  return typeof hostPath === 'string' && lookAt(hostPath).kind === 'text'
    ? undefined
    : 'mounts a file that is not there';
}

function checkMetadata(document: unknown, { uid }: DerivedClaim): string | undefined {
  const { apiVersion, metadata } = document as MetadataDocument;
  if (apiVersion !== 'metadata.resource.k8s.io/v1beta1') return `is of version ${String(apiVersion)}`;
  return metadata?.uid === uid ? undefined : `is of claim ${String(metadata?.uid)}`;
}

/** CPUs that the metadata documents of a claim tell, over all its requests. */
function toldCpus(places: DerivedPlaces, claim: DerivedClaim): string[] {
  return claim.requests.flatMap((request) => {
    const look = lookAt(metadataPath(places, claim, request));
    const { requests = [] } = (look.kind === 'text' ? (parseJson(look.text) ?? {}) : {}) as MetadataDocument;
    const devices = requests.flatMap((one) => one.devices ?? []);
    return devices.map(({ attributes }) => attributes?.['dra.cpu/cpuset']?.string ?? '');
  });
}

/** What is wrong with the derived files of a prepared claim. */
export function findDerivedProblems(places: DerivedPlaces, claim: DerivedClaim): string[] {
  const { uid, requests, cpus } = claim;
  const problems = [
    problemOf(lookAt(specPath(places, uid)), 'its CDI spec', (document) => checkSpec(document, claim)),
    ...requests.flatMap((request) => [
      problemOf(lookAt(metadataSpecPath(places, uid, request)), `the metadata CDI spec of ${request}`, (document) =>
        checkMetadataSpec(document, uid, request),
      ),
      problemOf(lookAt(metadataPath(places, claim, request)), `the metadata of ${request}`, (document) =>
        checkMetadata(document, claim),
      ),
    ]),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0 || requests.length === 0) return problems;
  const told = tryParseCpuList(toldCpus(places, claim).join(','));
  return told?.equals(cpus) === true
    ? []
    : [`its metadata tells CPUs ${JSON.stringify(toldCpus(places, claim))}, want ${cpus}`];
}

/** Files that tell of a claim, its record beside: none is left of one that was unprepared. Files moved aside have other names. */
export function findFilesOf(places: DerivedPlaces, { uid }: ClaimName): string[] {
  const { pluginDirectory, cdiDirectory } = places;
  const isOf = (name: string) =>
    name === `dra.k8s.io-cpu_claim-${uid}.json` ||
    (name.startsWith(`dra.cpu_metadata_${uid}_`) && name.endsWith('.json'));
  const documents = pathsBelow(join(pluginDirectory, 'dra-device-metadata')).filter((path) => {
    const look = path.endsWith('/metadata.json') ? lookAt(path) : undefined;
    return look?.kind === 'text' && look.text.includes(uid);
  });
  const records = namesIn(pluginDirectory)
    .filter((name) => name.startsWith('claims'))
    .map((name) => join(pluginDirectory, name, `${uid}.json`))
    .filter((path) => lookAt(path).kind !== 'missing');
  return [...namesIn(cdiDirectory).filter(isOf), ...documents, ...records];
}
