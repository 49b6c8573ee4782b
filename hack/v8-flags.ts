/** The daemon's V8 flags (docs/decisions/0002-v8-flags.md): those that the bundle sets itself. */
export const BUNDLE_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--optimize-for-size', '--no-maglev'];

/** Those that hold only from the start of the process, as bin/dracpu and the images give them. */
export const START_FLAGS: readonly string[] = ['--max-semi-space-size=1'];
