import { mkdtemp, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { ConfigError } from '../config/config-error.ts';
import { DRIVER_NAME, listProcDirectories } from './gatherinfo/find-driver.ts';
import { gatherInfo, type Gathered } from './gatherinfo/gather.ts';
import { createArchive } from './gatherinfo/tar.ts';
import { declareCommand } from './commands.ts';
import { makeDirectory } from '../lib/make-directory.ts';

/** The options of `dracpu gatherinfo`, as commander fills them in. */
interface GatherinfoOptions {
  readonly outputDir?: string;
  readonly stdout?: boolean;
}

const FILE_MODE = 0o600;

/** A YAML document that begins with a marker, so that reports of several nodes can be put into one file. */
function formatReport(report: object): string {
  return `---\n${stringify(report, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** "20261124-150405", local time. */
function formatTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}

/** Writes the report, and an archive with it and everything else beside it. */
async function writeFiles({ report, files }: Gathered, outputDir: string | undefined): Promise<string[]> {
  const now = new Date();
  const directory = outputDir ?? (await mkdtemp(join(tmpdir(), 'dracpu-gatherinfo-')));
  const base = `dracpu-gatherinfo-${formatTime(now)}-${process.pid}`;
  await makeDirectory(directory);
  const text = formatReport(report);
  const entries = [{ name: 'report.yaml', text }, ...files].map((file) => ({ ...file, name: `${base}/${file.name}` }));
  const [reportPath, archivePath] = [join(directory, `${base}.yaml`), join(directory, `${base}.tar.gz`)];
  const options = { flag: 'wx', mode: FILE_MODE };
  await writeFile(reportPath, text, options);
  await writeFile(archivePath, createArchive(entries, now), options);
  return [reportPath, archivePath];
}

async function runGatherinfo({ outputDir, stdout }: GatherinfoOptions, command: Command): Promise<void> {
  if (stdout && outputDir !== undefined) {
    command.error('Cannot gather: --stdout and --output-dir are both given; want one of them', { exitCode: 2 });
  }
  try {
    const gathered = await gatherInfo({
      env: process.env,
      hostname: hostname(),
      procDirectories: listProcDirectories(process.env),
      driverName: DRIVER_NAME,
    });
    if (stdout) process.stdout.write(formatReport(gathered.report));
    else process.stdout.write(`${(await writeFiles(gathered, outputDir)).join('\n')}\n`);
  } catch (error) {
    if (error instanceof ConfigError) command.error(error.message, { exitCode: 2 });
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    command.error(`Cannot write what was gathered: ${message}; choose another --output-dir`, { exitCode: 1 });
  }
}

/** Adds `gatherinfo`: what is needed to understand the driver on this node, in one file and without secrets. */
export function addGatherinfoCommand(program: Command): void {
  const gatherinfo = declareCommand(program, 'gatherinfo');
  gatherinfo
    .option('--output-dir <folder>', 'where the report and the archive are written; default: a new temporary folder')
    .option('--stdout', 'write the YAML report to standard output and nothing else')
    .action((options: GatherinfoOptions) => runGatherinfo(options, gatherinfo));
}
