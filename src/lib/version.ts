/** Filled in by the bundler (hack/build.ts); sources that run unbundled have none. */
declare const DRACPU_VERSION: string | undefined;
declare const DRACPU_COMMIT: string | undefined;

/** Whether this runs from a bundle rather than from the sources. */
export const isBundled = typeof DRACPU_VERSION === 'string';

/** The release, for instance "0.1.0". */
export const version = typeof DRACPU_VERSION === 'string' ? DRACPU_VERSION : 'development';

/** The commit it was built from. */
export const commit = typeof DRACPU_COMMIT === 'string' ? DRACPU_COMMIT : 'unknown';

/** One line: "dracpu 0.1.0 (70096bf)". */
export function describeVersion(): string {
  return `dracpu ${version} (${commit})`;
}
