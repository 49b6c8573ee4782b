/** How many times slower than usual everything is; an emulated machine sets it for what runs inside. */
export const SLOWNESS = Number(process.env.DRACPU_TEST_SLOWNESS ?? 1);
