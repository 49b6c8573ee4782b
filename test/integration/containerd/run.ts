import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program and gives what it wrote; rejects when it ends with another status than 0. */
export const run = promisify(execFile);
