/** What is bundled: a bill of materials (CycloneDX 1.6) and the notices that the licences want. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A part of what is shipped. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Package URL, where the part comes from a package. */
  readonly purl?: string;
  /** SHA-256 of the file, where the part is one. */
  readonly sha256?: string;
}

/** An npm package of which something is in the bundle. */
export interface BundledPackage extends Component {
  readonly purl: string;
  /** Its folder below node_modules. */
  readonly directory: string;
  /** Those of its files that are in the bundle. */
  readonly files: readonly string[];
}

/** The packages behind a bundle's inputs, by name. @param inputs paths from the root, such as "node_modules/a/b.js". */
export function findBundledPackages(inputs: Iterable<string>): readonly BundledPackage[] {
  const directories = new Map<string, string[]>();
  for (const input of inputs) {
    const [directory] = input.match(/^(.*\/)?node_modules\/(@[^/]+\/)?[^/]+/) ?? [];
    if (directory !== undefined) directories.set(directory, [...(directories.get(directory) ?? []), input]);
  }
  const packages = [...directories].map(([directory, files]): BundledPackage => {
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Component;
    return { name, version, license, directory, files, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` };
  });
  return packages.sort((a, b) => (a.purl < b.purl ? -1 : 1));
}

/** The packages of several bundles, each once, with the files that any of them has. */
export function mergePackages(packages: readonly BundledPackage[]): readonly BundledPackage[] {
  const byDirectory = new Map<string, BundledPackage>();
  for (const each of packages) {
    const files = new Set([...(byDirectory.get(each.directory)?.files ?? []), ...each.files]);
    byDirectory.set(each.directory, { ...each, files: [...files] });
  }
  return [...byDirectory.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
}

/** The comments about copyright in a package's files, each once: all there is where a package brings no file of its own. */
function readComments(files: readonly string[]): readonly string[] {
  const comments = files.flatMap((file) => readFileSync(file, 'utf8').match(/(?:^\/\/.*\n)+|\/\*[^]*?\*\//gm) ?? []);
  const texts = comments.map((comment) => comment.replaceAll(/^ ?(?:\/\/|\/?\*+\/?) ?/gm, '').trim());
  return [...new Set(texts.filter((text) => /copyright/i.test(text)))];
}

/** The licences and notices of packages as one text. */
export function formatNotices(packages: readonly BundledPackage[]): string {
  const sections = packages.map(({ name, version, license, directory, files }) => {
    const texts = readdirSync(directory)
      .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
      .sort()
      .map((file) => readFileSync(join(directory, file), 'utf8').trim());
    const head = `${name} ${version} (${license})`;
    const notices = texts.length > 0 ? texts : readComments(files);
    return [head, '-'.repeat(head.length), '', notices.join('\n\n')].join('\n');
  });
  const head = 'dracpu contains these packages, each under its own licence.';
  return `${[head, ...sections].join('\n\n\n')}\n`;
}

/** The bill of materials of a version; the same bytes for the same parts. */
export function formatSbom(
  subject: { readonly name: string; readonly version: string },
  parts: readonly Component[],
): string {
  const components = parts.map(({ name, version, license, purl, sha256 }) => ({
    type: sha256 === undefined ? 'library' : 'file',
    'bom-ref': purl ?? `file:${name}`,
    name,
    version,
    licenses: [{ expression: license }],
    ...(purl && { purl }),
    ...(sha256 && { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
  }));
  const component = {
    type: 'application',
    'bom-ref': subject.name,
    ...subject,
    licenses: [{ expression: 'Apache-2.0' }],
  };
  const document = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component }, components };
  return `${JSON.stringify(document, null, 2)}\n`;
}
