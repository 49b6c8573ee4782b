/**
 * Calls `task` for every item, at most `limit` at a time, and lets other events be served between two items.
 * @returns the results in the order of the items. Rejects with the first rejection, after which no further item is started.
 */
export async function boundedMap<Item, Result>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const work = async () => {
    for (const [index, item] of left) {
      if (index >= limit) await new Promise<void>((resolve) => void setImmediate(resolve));
      results[index] = await task(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
