/** Prefix of the environment variables by which a container carries its claims; reserved for the driver. */
export const CPUSET_ENV_PREFIX = 'DRA_CPUSET_';
